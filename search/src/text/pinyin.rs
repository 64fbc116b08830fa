//! Pinyin: how a name is typed by someone who does not type characters.
//!
//! A name is found by the full pinyin or the initials of any run of whole words
//! in it, so `shitang` and `lnst` both find 采荷社区老年食堂.

use pinyin::ToPinyin;

use super::lexicon::Lexicon;

/// The longest run of characters that is spelt out as one token.
const MAX_RUN: usize = 10;

/// The syllable of each character of a folded text, `None` for one that has none.
pub(crate) fn syllables<'a>(lexicon: &'a Lexicon, folded: &'a str) -> Vec<Option<&'a str>> {
    let mut syllables: Vec<Option<&str>> =
        folded.chars().map(|c| c.to_pinyin().map(|reading| umlaut_free(reading.plain()))).collect();
    for (range, reading) in lexicon.find_readings(folded) {
        let first = folded[..range.start].chars().count();
        for (at, syllable) in reading.iter().enumerate() {
            syllables[first + at] = Some(syllable);
        }
    }
    syllables
}

/// The only syllables written with ü; keyboards type v.
fn umlaut_free(plain: &'static str) -> &'static str {
    match plain {
        "lü" => "lv",
        "nü" => "nv",
        "lüe" => "lve",
        "nüe" => "nve",
        other => other,
    }
}

/// One form for all syllables that dictation and dialects confuse: z and zh, c and ch, s and sh,
/// l and n, f and h, an and ang, en and eng, in and ing.
pub(crate) fn alike(syllable: &str) -> String {
    let (initial, rest) = match syllable {
        s if s.starts_with("zh") || s.starts_with("ch") || s.starts_with("sh") => (&s[..1], &s[2..]),
        s if s.starts_with('l') => ("n", &s[1..]),
        s if s.starts_with("hu") && s.len() > 2 => ("f", &s[2..]),
        s => ("", s),
    };
    let rest = if ["ang", "eng", "ing"].iter().any(|end| rest.ends_with(end)) {
        &rest[..rest.len() - 1]
    } else {
        rest
    };
    [initial, rest].concat()
}

/// Full pinyin and initials of every run of whole words.
///
/// `starts` are the character positions at which words begin, ascending; the
/// end of the text closes the last word.
pub(crate) fn spellings(syllables: &[Option<&str>], starts: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    for (word, &from) in starts.iter().enumerate() {
        let ends = starts[word + 1..].iter().copied().chain([syllables.len()]);
        for to in ends.take_while(|to| to - from <= MAX_RUN) {
            let Some(run) = syllables[from..to].iter().copied().collect::<Option<Vec<_>>>() else { break };
            found.push(run.concat());
            // One letter says nothing.
            if run.len() > 1 {
                found.push(run.iter().map(|syllable| &syllable[..1]).collect());
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> String {
        syllables(&Lexicon::shipped(), text).into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn characters_with_several_readings_follow_their_word() {
        assert_eq!(full("重庆长者食堂"), "chong qing zhang zhe shi tang");
        assert_eq!(full("乐龄绿道"), "le ling lv dao");
        assert_eq!(full("成长驿站"), "cheng zhang yi zhan");
        assert_eq!(full("银行行政"), "yin hang xing zheng");
    }

    #[test]
    fn any_run_of_words_is_spelt_in_full_and_by_initials() {
        let lexicon = Lexicon::shipped();
        // 采荷 社区 老年 食堂
        let spelt = spellings(&syllables(&lexicon, "采荷社区老年食堂"), &[0, 2, 4, 6]);
        for expected in ["laonianshitang", "lnst", "shitang", "st", "chsqlnst", "caihe", "shequlaonian"] {
            assert!(spelt.iter().any(|spelling| spelling == expected), "{expected}");
        }
        assert!(!spelt.iter().any(|spelling| spelling == "nianshi"));
        assert!(spelt.iter().all(|spelling| spelling.len() > 1));
    }

    #[test]
    fn what_dictation_confuses_sounds_alike() {
        for (one, other) in
            [("shi", "si"), ("tang", "tan"), ("lan", "nan"), ("xing", "xin"), ("huang", "fang")]
        {
            assert_eq!(alike(one), alike(other), "{one} {other}");
        }
        assert_ne!(alike("shi"), alike("chi"));
        assert_ne!(alike("hu"), alike("fa"));
    }

    #[test]
    fn a_run_does_not_cross_what_has_no_reading() {
        let lexicon = Lexicon::shipped();
        let spelt = spellings(&syllables(&lexicon, "食堂 老年"), &[0, 2, 3]);
        assert!(spelt.contains(&"shitang".to_owned()) && spelt.contains(&"laonian".to_owned()));
        assert!(!spelt.iter().any(|spelling| spelling.contains("tanglao")));
    }
}
