//! Telephone numbers of the mainland: mobile, and landline with area code.

use super::{Invalid, half_width, masked};

const INVALID: Invalid = Invalid::new(
    "phone_invalid",
    "请填写大陆手机号，或带区号的固定电话",
    "Enter a mainland mobile number, or a landline with its area code.",
);

/// A mainland telephone number in normal form: `13812345678` or `0571-88881234`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

masked!(Phone);

impl Phone {
    /// Reads a number as people write it: `+86`, `0086` and `86` in front, spaces, hyphens,
    /// brackets and full-width digits are all understood.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // Nobody writes a number that long; a bound keeps the work bounded.
        if text.len() > 96 {
            return Err(INVALID);
        }
        let mut digits = String::with_capacity(16);
        for c in text.trim().chars().map(half_width) {
            match c {
                '0'..='9' => digits.push(c),
                '+' if digits.is_empty() => {}
                ' ' | '-' | '(' | ')' | '.' | '–' | '—' => {}
                _ => return Err(INVALID),
            }
        }
        let national = strip_country(&digits);
        mobile(national).or_else(|| landline(national)).map(Self).ok_or(INVALID)
    }

    /// The normal form. For the vault, the blind index and the person it belongs to.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a text message can reach it.
    pub fn is_mobile(&self) -> bool {
        self.0.starts_with('1')
    }

    /// `138****1234`, `0571-****1234`.
    pub fn masked(&self) -> String {
        let tail = &self.0[self.0.len() - 4..];
        match self.0.split_once('-') {
            Some((area, _)) => format!("{area}-****{tail}"),
            None => format!("{}****{tail}", &self.0[..3]),
        }
    }
}

/// Drops `0086` or `86` where a whole number follows.
///
/// `86` alone is not proof of a country code, yet no mainland number in national
/// form begins with it: mobiles begin with 1 and area codes with 0.
fn strip_country(digits: &str) -> &str {
    digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).unwrap_or(digits)
}

/// Eleven digits, the first 1, the second 3 to 9.
fn mobile(digits: &str) -> Option<String> {
    let bytes = digits.as_bytes();
    (bytes.len() == 11 && bytes[0] == b'1' && bytes[1] >= b'3').then(|| digits.to_owned())
}

/// Area code (010, 02x, or four digits from 03xx on; the leading 0 may be missing after a
/// country code) and 7 or 8 digits that begin with 2 to 9.
fn landline(digits: &str) -> Option<String> {
    let area_and_number = digits.strip_prefix('0').unwrap_or(digits);
    let area_len = match area_and_number.as_bytes() {
        [b'1', b'0', ..] | [b'2', _, ..] => 2,
        [b'3'..=b'9', _, _, ..] => 3,
        _ => return None,
    };
    let (area, number) = area_and_number.split_at_checked(area_len)?;
    let plausible = matches!(number.len(), 7 | 8) && number.as_bytes()[0] >= b'2';
    // Without a 0 in front, a bare local number could pass for area code and number.
    let has_area = digits.starts_with('0') || area_and_number.len() >= 10;
    (plausible && has_area).then(|| format!("0{area}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for text in [
            "13812345678",
            "+86 138 1234 5678",
            "0086-138-1234-5678",
            "8613812345678",
            "１３８１２３４５６７８",
        ] {
            assert_eq!(Phone::parse(text).unwrap().expose(), "13812345678", "{text}");
        }
        for text in ["0571-88881234", "0571 8888 1234", "(0571)88881234", "+86 571 88881234"] {
            assert_eq!(Phone::parse(text).unwrap().expose(), "0571-88881234", "{text}");
        }
        assert_eq!(Phone::parse("010-62345678").unwrap().expose(), "010-62345678");
        assert_eq!(Phone::parse("023 6234567").unwrap().expose(), "023-6234567");
    }

    #[test]
    fn refuses_what_rings_nowhere() {
        for text in [
            "",
            "1",
            "12345678901",
            "11812345678",
            "1381234567",
            "138123456789",
            "88881234",
            "110",
            "13812345678a",
            "138+12345678",
            "+1 202 555 0123",
        ] {
            assert_eq!(Phone::parse(text), Err(INVALID), "{text}");
        }
        assert_eq!(Phone::parse(&"1".repeat(1000)), Err(INVALID));
    }

    #[test]
    fn prints_masked() {
        let mobile = Phone::parse("13812341234").unwrap();
        assert_eq!(mobile.to_string(), "138****1234");
        assert_eq!(format!("{mobile:?}"), "Phone(138****1234)");
        assert_eq!(Phone::parse("0571-88881234").unwrap().to_string(), "0571-****1234");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,120}") {
            let _ = Phone::parse(&text);
        }

        #[test]
        fn normal_form_is_a_fixed_point(text in "(\\+86 ?)?(1[0-9]{10}|0[0-9]{2,3}-?[0-9]{7,8})") {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert_eq!(Phone::parse(phone.expose()).unwrap(), phone);
            }
        }

        #[test]
        fn the_mask_hides_the_middle(number in "1[3-9][0-9]{9}") {
            let printed = format!("{:?}", Phone::parse(&number).unwrap());
            prop_assert!(!printed.contains(&number[3..7]) || number[3..7] == number[7..] || number[..3].contains(&number[3..7]));
            prop_assert!(printed.contains("****"));
        }
    }
}
