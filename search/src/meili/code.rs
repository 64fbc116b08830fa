//! Tokens as Latin words.

/// One token as one word that no tokenizer cuts: Latin letters as they are, anything else by the
/// hexadecimal number of each character, in letters, after a `u`, with which no pinyin begins.
pub(super) fn code(token: &str) -> String {
    if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return token.to_owned();
    }
    let mut word = String::with_capacity(1 + 4 * token.len());
    word.push('u');
    for c in token.chars() {
        for digit in format!("{:04x}", u32::from(c)).bytes() {
            let value = if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
            word.push(char::from(b'a' + value));
        }
    }
    word
}

/// A concept as one word, which no word of a language is.
pub(super) fn concept_code(name: &str) -> String {
    code(&format!("#{name}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::text::Lexicon;

    #[test]
    fn a_token_is_one_latin_word_and_its_own() {
        assert_eq!(code("lnst"), "lnst");
        assert_eq!(code("食"), "ujinp");
        let lexicon = Lexicon::shipped();
        let words = lexicon.concepts().iter().flat_map(|concept| concept.words.iter().map(String::as_str));
        let concepts = lexicon.concepts().iter().map(|concept| concept_code(&concept.name));
        let mut seen = HashMap::new();
        for (word, coded) in words
            .chain(["5g", "96345", "𠮷"])
            .map(|w| (w.to_owned(), code(w)))
            .chain(concepts.map(|coded| ("a concept".to_owned() + &coded, coded)))
        {
            assert!(coded.bytes().all(|byte| byte.is_ascii_lowercase()), "{coded}");
            assert_eq!(seen.insert(coded, word.clone()).unwrap_or_else(|| word.clone()), word);
        }
    }
}
