//! Folding: one written form for everything a person may type.
//!
//! Traditional characters become simplified, full-width forms become ASCII,
//! capitals become small, what cannot be seen (zero-width characters, marks of
//! writing direction) is dropped, and whatever else is not a letter, digit or
//! character becomes a space. Folding is idempotent.

use std::{collections::HashMap, sync::LazyLock};

static TRADITIONAL: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    include_str!("../../data/traditional.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .filter_map(|pair| {
            let mut pair = pair.chars();
            Some((pair.next()?, pair.next()?))
        })
        .collect()
});

/// The folded form of a text.
pub fn fold(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).map(fold_char).collect()
}

/// Characters that only tell a renderer something: pasted text is full of them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}')
}

/// The folded form of every character of the great Chinese blocks: most of what is folded.
static HAN: LazyLock<Vec<char>> = LazyLock::new(|| ('\u{3400}'..='\u{9fff}').map(fold_any).collect());

fn fold_char(c: char) -> char {
    let at = (c as usize).checked_sub(0x3400);
    at.and_then(|at| HAN.get(at)).copied().unwrap_or_else(|| fold_any(c))
}

fn fold_any(c: char) -> char {
    let c = match c {
        // The full-width block repeats ASCII at a fixed distance.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    match c {
        'ü' | 'Ü' => 'v',
        _ if c.is_ascii() => {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                ' '
            }
        }
        _ if !c.is_alphanumeric() => ' ',
        // Only one-to-one lower-casing keeps positions.
        _ => TRADITIONAL.get(&c).copied().unwrap_or_else(|| {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        }),
    }
}

/// Whether the character is a Chinese one.
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn traditional_full_width_and_capitals_meet_the_plain_form() {
        assert_eq!(fold("無障礙"), "无障碍");
        assert_eq!(fold("長者飯堂ＡＢｃ１"), "长者饭堂abc1");
        assert_eq!(fold("采荷·社区（老年）食堂"), "采荷 社区 老年 食堂");
        assert_eq!(fold("Lüdao"), "lvdao");
        assert_eq!(fold("食\u{200b}堂\u{202e}"), "食堂");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing_more(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
