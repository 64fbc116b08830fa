//! The citizen identity number of GB 11643-1999.

use chrono::{Datelike, NaiveDate};

use super::{Invalid, half_width, masked};

const FORM: Invalid =
    Invalid::new("id_card_invalid", "身份证号码应为18位", "An identity number has 18 characters.");
const OLD: Invalid = Invalid::new(
    "id_card_15_digits",
    "15位旧身份证号码已停用，请填写18位号码",
    "The old form of 15 digits is no longer valid; enter the one of 18.",
);
const REGION: Invalid = Invalid::new(
    "id_card_region",
    "身份证号码的地区代码有误",
    "The region of the identity number does not exist.",
);
const BIRTH: Invalid = Invalid::new(
    "id_card_birth_date",
    "身份证号码的出生日期有误",
    "The birth date in the identity number is not plausible.",
);
const CHECK: Invalid = Invalid::new(
    "id_card_check_digit",
    "身份证号码校验未通过，请核对",
    "The identity number has a typing mistake.",
);

/// Weights of the first 17 digits, 2^(18 - position) mod 11.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The check character by the weighted sum mod 11.
const CHECK_CHARS: [u8; 11] = *b"10X98765432";
/// The provinces of GB/T 2260; 81 to 83 are the residence permits of Hong Kong, Macao and Taiwan.
const PROVINCES: [u8; 35] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
    61, 62, 63, 64, 65, 71, 81, 82, 83,
];
/// No living person was born before.
const EARLIEST_BIRTH_YEAR: i32 = 1900;

/// An identity number: 18 characters, check digit verified, birth date plausible.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdCard {
    number: String,
    born: NaiveDate,
}

masked!(IdCard);

impl IdCard {
    /// Reads a number; a birth date after `today` is refused.
    pub fn parse(text: &str, today: NaiveDate) -> Result<Self, Invalid> {
        let number: String =
            text.trim().chars().take(64).map(|c| half_width(c).to_ascii_uppercase()).collect();
        if number.len() == 15 && number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(OLD);
        }
        let (body, check) = match number.as_bytes() {
            [body @ .., check] if body.len() == 17 && body.iter().all(u8::is_ascii_digit) => (body, *check),
            _ => return Err(FORM),
        };
        if !check.is_ascii_digit() && check != b'X' {
            return Err(FORM);
        }
        if !region_exists(body) {
            return Err(REGION);
        }
        let born = birth_date(body, today).ok_or(BIRTH)?;
        if check_char(body) != check {
            return Err(CHECK);
        }
        Ok(Self { number, born })
    }

    /// Reads a number this type wrote; the plausibility of the birth date is not asked again.
    pub fn from_stored(number: &str) -> Result<Self, Invalid> {
        Self::parse(number, NaiveDate::MAX)
    }

    /// The number. For the vault, the blind index and the person it belongs to.
    pub fn expose(&self) -> &str {
        &self.number
    }

    /// The day of birth.
    pub fn born(&self) -> NaiveDate {
        self.born
    }

    /// Full years on `date`: a year is full on the birthday, and for someone born on
    /// 29 February on 1 March in years that have no such day.
    pub fn age_on(&self, date: NaiveDate) -> u32 {
        let birthday_to_come = (date.month(), date.day()) < (self.born.month(), self.born.day());
        let years = date.year() - self.born.year() - i32::from(birthday_to_come);
        u32::try_from(years).unwrap_or(0)
    }

    /// `3301**********12`.
    pub fn masked(&self) -> String {
        format!("{}**********{}", &self.number[..4], &self.number[16..])
    }
}

/// The first two digits name a province; foreign permanent residents (form of 2023) have a
/// 9 in front of the province.
fn region_exists(body: &[u8]) -> bool {
    let province = |tens: u8, ones: u8| PROVINCES.contains(&((tens - b'0') * 10 + (ones - b'0')));
    province(body[0], body[1]) || (body[0] == b'9' && province(body[1], body[2]))
}

fn birth_date(body: &[u8], today: NaiveDate) -> Option<NaiveDate> {
    let number =
        |range: std::ops::Range<usize>| body[range].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    let year = i32::try_from(number(6..10)).ok()?;
    let born = NaiveDate::from_ymd_opt(year, number(10..12), number(12..14))?;
    (year >= EARLIEST_BIRTH_YEAR && born <= today).then_some(born)
}

fn check_char(body: &[u8]) -> u8 {
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(b, weight)| u32::from(b - b'0') * weight).sum();
    CHECK_CHARS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    fn today() -> NaiveDate {
        day(2026, 11, 22)
    }

    /// A valid number from its parts.
    fn number(region: &str, born: NaiveDate, sequence: u32) -> String {
        let body = format!("{region}{}{sequence:03}", born.format("%Y%m%d"));
        let check = check_char(body.as_bytes()) as char;
        format!("{body}{check}")
    }

    #[test]
    fn the_examples_of_the_standard_pass() {
        // GB 11643-1999, annex: both example numbers.
        assert!(IdCard::parse("11010519491231002X", today()).is_ok());
        assert!(
            IdCard::parse("440524188001010014", today()).err() == Some(BIRTH),
            "born 1880: correct once, not alive"
        );
        assert_eq!(
            IdCard::parse("11010519491231002x", today()),
            IdCard::parse("１１０１０５１９４９１２３１００２Ｘ", today())
        );
    }

    #[test]
    fn each_fault_has_its_own_code() {
        let code = |text: &str| IdCard::parse(text, today()).map_err(|e| e.code).err();
        assert_eq!(code("110105491231002"), Some("id_card_15_digits"));
        assert_eq!(code("1101051949123100"), Some("id_card_invalid"));
        assert_eq!(code("11010519491231002Y"), Some("id_card_invalid"));
        assert_eq!(code("1101051949123100２９"), Some("id_card_check_digit"));
        assert_eq!(code("110105194912310021"), Some("id_card_check_digit"));
        assert_eq!(code("990105194912310021"), Some("id_card_region"));
        assert_eq!(code("110105194913310021"), Some("id_card_birth_date"));
        assert_eq!(code(&number("330102", day(2026, 11, 23), 1)), Some("id_card_birth_date"));
        assert_eq!(code(""), Some("id_card_invalid"));
        assert_eq!(code("身份证号码身份证号码身份证号码身份证"), Some("id_card_invalid"));
    }

    #[test]
    fn age_turns_on_the_birthday() {
        let card = IdCard::parse(&number("330102", day(1966, 11, 22), 12), today()).unwrap();
        assert_eq!(card.age_on(day(2026, 11, 21)), 59);
        assert_eq!(card.age_on(day(2026, 11, 22)), 60);
        let leap = IdCard::parse(&number("330102", day(1964, 2, 29), 12), today()).unwrap();
        assert_eq!(leap.age_on(day(2025, 2, 28)), 60);
        assert_eq!(leap.age_on(day(2025, 3, 1)), 61);
        assert_eq!(leap.age_on(day(1960, 1, 1)), 0, "before birth");
    }

    #[test]
    fn prints_masked() {
        let card = IdCard::parse("11010519491231002X", today()).unwrap();
        assert_eq!(card.to_string(), "1101**********2X");
        assert_eq!(format!("{card:?}"), "IdCard(1101**********2X)");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = IdCard::parse(&text, today());
        }

        /// GB 11643: every single wrong digit and every swap of neighbours is found.
        #[test]
        fn a_typing_mistake_is_refused(days in 0..40_000i64, sequence in 0..1000u32, at in 0..17usize, digit in b'0'..=b'9') {
            let born = day(1905, 1, 1) + chrono::Duration::days(days);
            let good = number("330102", born, sequence);
            let card = IdCard::parse(&good, today()).unwrap();
            prop_assert_eq!(card.born(), born);

            let mut wrong = good.clone().into_bytes();
            wrong[at] = digit;
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(IdCard::parse(&wrong, today()).is_ok(), wrong == good);

            let mut swapped = good.clone().into_bytes();
            swapped.swap(at, at + 1);
            let swapped = String::from_utf8(swapped).unwrap();
            prop_assert_eq!(IdCard::parse(&swapped, today()).is_ok(), swapped == good);
        }
    }
}
