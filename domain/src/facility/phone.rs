//! A public service number: printed on the door, so no personal data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Refusal, person::Phone};

/// A number residents may call: a mobile, a landline, a 400 or 800 number, or a short hotline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServicePhone(String);

impl ServicePhone {
    /// Reads a number as people write it, for instance `0571-8788 1234` or `12345`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = || {
            Refusal::field(
                "",
                "phone_invalid",
                "请填写手机号、带区号的固定电话、400/800号码或服务热线",
                "Enter a mobile, a landline with area code, a 400 or 800 number, or a hotline.",
            )
        };
        if text.len() > 96 {
            return Err(invalid());
        }
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
        let hotline = matches!(digits.len(), 5..=6) && digits.starts_with(['1', '9']);
        let toll_free = digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800"));
        if all_digits && (hotline || toll_free) {
            return Ok(Self(digits));
        }
        Phone::parse(text).map(|phone| Self(phone.expose().to_owned())).map_err(|_| invalid())
    }

    /// The number in normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServicePhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
