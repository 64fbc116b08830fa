//! Pinyin: how a name is typed by someone who does not type characters.
//!
//! A name is found by the full pinyin or the initials of any run of whole words
//! in it, so `shitang` and `lnst` both find 采荷社区老年食堂.

use pinyin::ToPinyin;

use super::{lexicon::Lexicon, tokens::Tokens};

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
pub(crate) fn spellings(syllables: &[Option<&str>], starts: &[usize]) -> Tokens {
    // All syllables, where each begins, and their first letters: every run is a part of these.
    let (mut letters, mut initials) = (String::new(), String::new());
    let mut begins = Vec::with_capacity(syllables.len() + 1);
    for syllable in syllables.iter().map(|syllable| syllable.unwrap_or(" ")) {
        begins.push(letters.len());
        letters.push_str(syllable);
        initials.push_str(&syllable[..1]);
    }
    begins.push(letters.len());
    let mut found = Tokens::default();
    for (word, &from) in starts.iter().enumerate() {
        let unspelt = syllables[from..].iter().position(Option::is_none);
        let until = unspelt.map_or(syllables.len(), |at| from + at).min(from + MAX_RUN);
        let ends = starts[word + 1..].iter().copied().chain([syllables.len()]);
        for to in ends.take_while(|to| *to <= until) {
            found.push(&letters[begins[from]..begins[to]]);
            // One letter says nothing.
            if to - from > 1 {
                found.push(&initials[from..to]);
            }
        }
    }
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
        assert_eq!(spelt.as_str(), "shitang st laonian ln ");
    }
}
