//! Names of people.

use super::{Invalid, masked};

const INVALID: Invalid = Invalid::new(
    "name_invalid",
    "请填写姓名（汉字或字母，不含数字和符号）",
    "Enter a name of letters, without digits or signs.",
);

/// The longest name on an identity card is far shorter.
const MAX_CHARS: usize = 50;

/// A person's name: letters of any script, with inner dots, spaces, hyphens and apostrophes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonName(String);

masked!(PersonName);

impl PersonName {
    /// Trims, joins runs of space, and writes every middle dot of a minority name
    /// (`买买提•艾力`, `买买提．艾力`) as `·`, so that equal names are equal.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > 4 * MAX_CHARS {
            return Err(INVALID);
        }
        let mut name = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            if !name.is_empty() {
                name.push(' ');
            }
            for c in word.chars() {
                name.push(match c {
                    '•' | '・' | '．' | '‧' | '∙' | '·' => '·',
                    '’' | '‘' => '\'',
                    '.' | '-' | '\'' => c,
                    _ if c.is_alphabetic() => c,
                    _ => return Err(INVALID),
                });
            }
        }
        let starts_well = name.chars().next().is_some_and(char::is_alphabetic);
        (starts_well && name.chars().count() <= MAX_CHARS).then_some(Self(name)).ok_or(INVALID)
    }

    /// The normal form. For the vault, the blind index and the person it belongs to.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `张*`: one star whatever the length, because the length of a rare name tells much.
    pub fn masked(&self) -> String {
        self.0.chars().take(1).chain(['*']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normalises_and_masks() {
        let name = PersonName::parse(" 买买提•艾力 ").unwrap();
        assert_eq!(name.expose(), "买买提·艾力");
        assert_eq!(name, PersonName::parse("买买提．艾力").unwrap());
        assert_eq!(PersonName::parse("张三").unwrap().to_string(), "张*");
        assert_eq!(format!("{:?}", PersonName::parse("欧阳娜娜").unwrap()), "PersonName(欧*)");
        assert_eq!(PersonName::parse("Anna  Maria O’Neill").unwrap().expose(), "Anna Maria O'Neill");
        assert_eq!(
            PersonName::parse("𠮷野").unwrap().expose(),
            "𠮷野",
            "rare characters outside the basic plane"
        );
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in ["", "  ", "张3", "13812345678", "😀", "<b>", "·", "-", "张\u{0}三", "张\u{202e}三"]
        {
            assert_eq!(PersonName::parse(text), Err(INVALID), "{text:?}");
        }
        assert_eq!(PersonName::parse(&"张".repeat(51)), Err(INVALID));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_settles(text in ".{0,80}") {
            if let Ok(name) = PersonName::parse(&text) {
                prop_assert_eq!(PersonName::parse(name.expose()).unwrap(), name);
            }
        }
    }
}
