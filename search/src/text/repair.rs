//! Repairs: what was meant by letters, by a sound, by a slip of the finger.
//!
//! Each repair gives the text that was meant, and nothing when it would change
//! nothing. None of them judges whether that text finds anything.

use std::ops::Range;

use super::{
    analyzer::Analyzer,
    fold::is_han,
    pinyin,
    terms::{Meaning, Term},
};

/// Longer runs are not words.
const MAX_RUN: usize = 40;
/// The longest known word that is looked for by its sound.
const MAX_HEARD: usize = 10;
/// Letters may hold a slip from this length on: of fewer, every word is one slip away.
const MIN_SLIP_LETTERS: usize = 6;
/// A wrong character is forgiven from this length on, a missing or doubled one from one less.
const MIN_SLIP_CHARS: usize = 4;

/// Concepts, with the word, that letters may spell as a whole: the fullest spellings, at most four.
pub(super) fn concepts_spelt(analyzer: &Analyzer, letters: &str) -> Vec<(String, String)> {
    if letters.chars().count() > MAX_RUN {
        return Vec::new();
    }
    let items: Vec<char> = letters.chars().collect();
    let mut found: Vec<(usize, &Term)> = Vec::new();
    for (term, syllables) in analyzer.spelt_concepts() {
        let ends = spelt_to(&items, 0, &term.word, syllables);
        if let Some((_, short)) = ends.into_iter().find(|(end, _)| *end == items.len()) {
            found.push((short, term));
        }
    }
    let Some(fullest) = found.iter().map(|(short, _)| *short).min() else { return Vec::new() };
    let concepts = analyzer.lexicon().concepts();
    let mut means: Vec<(String, String)> = Vec::new();
    for (_, term) in found.into_iter().filter(|(short, _)| *short == fullest) {
        let Meaning::Concept(id) = term.meaning else { continue };
        if means.len() < 4 && !means.iter().any(|(name, _)| *name == concepts[id].name) {
            means.push((concepts[id].name.clone(), term.word.clone()));
        }
    }
    means
}

/// The text in which every run with letters is known words; `slips` allows one slip in each word.
pub(super) fn spelt(analyzer: &Analyzer, folded: &str, slips: bool) -> Option<String> {
    let mut changed = false;
    let mut read = Vec::new();
    // Pinyin is typed with blanks between syllables or without.
    let joined = if folded.chars().all(|c| c.is_ascii_alphabetic() || c == ' ') {
        folded.split_whitespace().collect()
    } else {
        folded.to_owned()
    };
    for run in joined.split_whitespace() {
        if run.chars().any(|c| c.is_ascii_alphabetic()) && run.chars().count() <= MAX_RUN {
            read.push(segmented(analyzer, run, slips)?);
            changed = true;
        } else {
            read.push(run.to_owned());
        }
    }
    changed.then(|| read.join(" "))
}

/// A run of letters and characters as the fewest known words, the fullest spellings first.
fn segmented(analyzer: &Analyzer, run: &str, slips: bool) -> Option<String> {
    const WORD: usize = 10;
    const SLIP: usize = 5;
    let items: Vec<char> = run.chars().collect();
    // The cheapest reading of everything before each position.
    let mut best: Vec<Option<(usize, String)>> = vec![None; items.len() + 1];
    best[0] = Some((0, String::new()));
    for from in 0..items.len() {
        let Some((cost, text)) = best[from].clone() else { continue };
        let mut offer = |to: usize, more: usize, word: &str| {
            if best[to].as_ref().is_none_or(|(known, _)| cost + more < *known) {
                best[to] = Some((cost + more, format!("{text}{word}")));
            }
        };
        // Characters stand for themselves.
        if is_han(items[from]) {
            offer(from + 1, 0, &items[from].to_string());
        }
        for (term, syllables) in analyzer.spelt_concepts() {
            for (to, short) in spelt_to(&items, from, &term.word, syllables) {
                offer(to, WORD + short, &term.word);
            }
        }
        for to in from + 2..=items.len() {
            let letters: String = items[from..to].iter().collect();
            if !letters.is_ascii() {
                break;
            }
            if let Some(word) = analyzer.stop_spelt(&letters) {
                offer(to, WORD, word);
            } else if let Some(term) = analyzer.terms().spelt(analyzer.lexicon(), &letters).next() {
                offer(to, WORD, &term.word);
            } else if slips && letters.len() >= MIN_SLIP_LETTERS {
                let mut near = analyzer.spelt_concepts();
                let slip = near.find(|(_, syllables)| is_one_slip(&letters, &syllables.concat()));
                if let Some((term, _)) = slip {
                    offer(to, WORD + SLIP, &term.word);
                }
            }
        }
    }
    best.pop().flatten().map(|(_, text)| text)
}

/// Where a word may end that begins at `from`, and how many of its syllables are short there.
///
/// Each of its characters stands as itself, as its syllable, or as the beginning of that.
fn spelt_to(items: &[char], from: usize, word: &str, syllables: &[String]) -> Vec<(usize, usize)> {
    let mut ends = vec![(from, 0)];
    for (character, syllable) in word.chars().zip(syllables) {
        let mut next = Vec::new();
        for (at, short) in ends {
            let rest = &items[at..];
            if rest.first() == Some(&character) {
                next.push((at + 1, short));
            }
            let mut letters = syllable.chars();
            if letters.all(|c| c.is_ascii()) {
                for length in [syllable.len(), 2, 1] {
                    let initial = length == syllable.len()
                        || length == 1
                        || (length == 2 && syllable.as_bytes().get(1) == Some(&b'h'));
                    let fits = length <= syllable.len()
                        && rest.len() >= length
                        && syllable[..length].chars().eq(rest[..length].iter().copied());
                    let end = (at + length, short + usize::from(length < syllable.len()));
                    if initial && fits && !next.contains(&end) {
                        next.push(end);
                    }
                }
            }
        }
        ends = next;
    }
    // A word of characters alone was not spelt, and one letter spells nothing.
    ends.retain(|(end, _)| *end > from + 1 && items[from..*end].iter().any(char::is_ascii_alphabetic));
    ends
}

/// The text with stretches replaced by known words of the same sound, or of a similar one.
pub(super) fn heard(analyzer: &Analyzer, folded: &str, alike: bool) -> Option<String> {
    let lexicon = analyzer.lexicon();
    let chars: Vec<char> = folded.chars().collect();
    let syllables = pinyin::syllables(lexicon, folded);
    let taken = understood(analyzer, folded);
    let known_thing = taken.iter().any(|known| *known);
    let (mut read, mut changed, mut at) = (String::new(), false, 0);
    'text: while at < chars.len() {
        for length in (2..=MAX_HEARD.min(chars.len() - at)).rev() {
            let window = at..at + length;
            let Some(sounds) = syllables[window.clone()].iter().copied().collect::<Option<Vec<_>>>() else {
                continue;
            };
            if taken[window.clone()].iter().any(|known| *known) {
                continue;
            }
            let key: String =
                sounds.iter().map(|s| if alike { pinyin::alike(s) } else { (*s).to_owned() }).collect();
            let said: String = chars[window].iter().collect();
            // A place is heard only beside a thing: some village sounds like anything.
            let fits = |term: &&Term| {
                let thing = term.meaning != Meaning::Place;
                (thing || (!alike && known_thing)) && term.word != said && term.word.chars().count() == length
            };
            let meant = if alike {
                analyzer.terms().sounding(lexicon, &key).find(fits)
            } else {
                analyzer.terms().spelt(lexicon, &key).find(fits)
            };
            if let Some(term) = meant {
                read.push_str(&term.word);
                changed = true;
                at += length;
                continue 'text;
            }
        }
        read.push(chars[at]);
        at += 1;
    }
    changed.then_some(read)
}

/// The text with one stretch replaced by the word of a concept that is one slip away.
pub(super) fn slipped(analyzer: &Analyzer, folded: &str) -> Option<String> {
    let chars: Vec<char> = folded.chars().collect();
    let taken = understood(analyzer, folded);
    let mut best: Option<(usize, Range<usize>, &str)> = None;
    for term in analyzer.terms().concept_words() {
        let word: Vec<char> = term.word.chars().collect();
        if word.len() + 1 < MIN_SLIP_CHARS || !word.iter().all(|c| is_han(*c)) {
            continue;
        }
        for length in word.len() - 1..=word.len() + 1 {
            for at in 0..(chars.len() + 1).saturating_sub(length) {
                let window = at..at + length;
                let said = &chars[window.clone()];
                // Where most of it was understood, it was not a slip.
                let fresh = taken[window.clone()].iter().filter(|known| !**known).count();
                let long_enough = if length == word.len() {
                    length >= MIN_SLIP_CHARS || is_swap(said, &word)
                } else {
                    length.min(word.len()) + 1 >= MIN_SLIP_CHARS
                };
                if fresh > 0
                    && long_enough
                    && said.iter().all(|c| is_han(*c))
                    && best.as_ref().is_none_or(|(longest, ..)| word.len() > *longest)
                    && differ_by_one(said, &word)
                {
                    best = Some((word.len(), window, &term.word));
                }
            }
        }
    }
    let (_, window, word) = best?;
    let before: String = chars[..window.start].iter().collect();
    let after: String = chars[window.end..].iter().collect();
    Some(format!("{before}{word}{after}"))
}

/// Which characters of a folded text belong to a concept that says what is asked for.
fn understood(analyzer: &Analyzer, folded: &str) -> Vec<bool> {
    let mut taken = vec![false; folded.chars().count()];
    for (range, term) in analyzer.terms().find(folded) {
        let Meaning::Concept(id) = term.meaning else { continue };
        if !analyzer.lexicon().concepts()[id].hint {
            let first = folded[..range.start].chars().count();
            let length = folded[range].chars().count();
            taken[first..first + length].fill(true);
        }
    }
    taken
}

fn is_one_slip(one: &str, other: &str) -> bool {
    differ_by_one(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
}

/// Whether two neighbours changed places.
fn is_swap(one: &[char], other: &[char]) -> bool {
    let mut differing = (0..one.len().min(other.len())).filter(|at| one[*at] != other[*at]);
    let (first, second) = (differing.next(), differing.next());
    one.len() == other.len()
        && differing.next().is_none()
        && first.zip(second).is_some_and(|(a, b)| b == a + 1 && one[a] == other[b] && one[b] == other[a])
}

/// Whether one is the other with exactly one character wrong, missing, added or swapped with its neighbour.
fn differ_by_one(one: &[char], other: &[char]) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let same_front = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let same_back = short.iter().rev().zip(long.iter().rev()).take_while(|(a, b)| a == b).count();
    match long.len() - short.len() {
        0 if same_front == long.len() => false,
        0 => same_front + same_back + 1 >= long.len() || is_swap(short, long),
        1 => same_front + same_back >= short.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_one_wrong_missing_added_or_swapped() {
        for near in ["shitan", "shitangg", "shitamg", "shitnag", "hsitang"] {
            assert!(is_one_slip(near, "shitang"), "{near}");
        }
        for far in ["shitang", "shita", "tangshi", "shatong"] {
            assert!(!is_one_slip(far, "shitang"), "{far}");
        }
    }

    #[test]
    fn a_word_is_spelt_by_syllables_beginnings_and_itself() {
        let syllables = ["shi", "tang"].map(str::to_owned);
        let spells = |letters: &str| {
            let items: Vec<char> = letters.chars().collect();
            spelt_to(&items, 0, "食堂", &syllables).iter().any(|(end, _)| *end == items.len())
        };
        for letters in ["shitang", "st", "sht", "shit", "stang", "食tang", "食t"] {
            assert!(spells(letters), "{letters}");
        }
        for letters in ["s", "sita", "食堂", "tangshi", "shitan"] {
            assert!(!spells(letters), "{letters}");
        }
    }
}
