//! Personal data as types that do not give it away.
//!
//! A [`Phone`], [`PersonName`] or [`IdCard`] exists only parsed and normalised, and
//! prints masked: `Debug` and `Display` show `138****1234`, `张*`, `3301**********12`.
//! None of them can be serialised. The plain text leaves through `expose`, which is
//! easy to search for, and goes to the vault or back to the person it belongs to.

mod id_card;
mod name;
mod phone;

pub use id_card::IdCard;
pub use name::PersonName;
pub use phone::Phone;

use crate::Refusal;

/// Why a text is no phone number, name or identity number; never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The stable code of the field error.
    pub code: &'static str,
    /// A sentence in Chinese.
    pub zh: &'static str,
    /// The same sentence in English.
    pub en: &'static str,
}

impl Invalid {
    const fn new(code: &'static str, zh: &'static str, en: &'static str) -> Self {
        Self { code, zh, en }
    }

    /// The refusal of the input field that held the text.
    pub fn at(self, field: &str) -> Refusal {
        Refusal::field(field, self.code, self.zh, self.en)
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for Invalid {}

/// `Debug` and `Display` that print the mask.
macro_rules! masked {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.masked())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.masked())
            }
        }
    };
}
use masked;

/// Full-width digits, letters and signs (`１３８`, `＋`, `Ｘ`) as their ASCII twins: phones of
/// older people and Chinese input methods send them.
fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}
