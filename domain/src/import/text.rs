//! Lists inside one cell: entries between `;`, parts between `|`, a backslash before what is meant literally.

/// Between entries.
pub(super) const ENTRY: &[char] = &[';', '；', '\n'];
/// Between the parts of an entry.
pub(super) const PART: &[char] = &['|', '｜'];
/// Between the items of a part.
pub(super) const ITEM: &[char] = &['、', ',', '，'];

/// Splits at unprotected separators, trims, and drops empty pieces at the end; backslashes stay.
pub(super) fn split<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    let (mut start, mut protected) = (0, false);
    for (at, c) in text.char_indices() {
        if protected {
            protected = false;
        } else if c == '\\' {
            protected = true;
        } else if separators.contains(&c) {
            pieces.push(text[start..at].trim());
            start = at + c.len_utf8();
        }
    }
    pieces.push(text[start..].trim());
    while pieces.last().is_some_and(|piece| piece.is_empty()) {
        pieces.pop();
    }
    pieces
}

/// Splits into entries, none of them empty.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    split(text, ENTRY).into_iter().filter(|entry| !entry.is_empty())
}

/// Removes the protecting backslashes.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next().map(|c| if c == 'n' { '\n' } else { c })),
            c => plain.push(c),
        }
    }
    plain
}

/// Protects every character that could separate.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\\' | '=' => safe.extend(['\\', c]),
            c if [ENTRY, PART, ITEM].concat().contains(&c) => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_are_trimmed_and_protected_separators_stay() {
        assert_eq!(split(r" a | b\|c || ", PART), ["a", r"b\|c"]);
        assert_eq!(split("", ENTRY), Vec::<&str>::new());
        assert_eq!(entries("a；;\n b").collect::<Vec<_>>(), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn what_is_escaped_stays_in_one_piece(texts in prop::collection::vec("[a-z;；|｜、,=\\\\\n]{0,8}x", 1..5)) {
            let joined = texts.iter().map(|text| escape(text)).collect::<Vec<_>>().join("; ");
            let back: Vec<String> = entries(&joined).map(unescape).collect();
            prop_assert_eq!(back, texts);
        }
    }
}
