//! What was planted, in every form it may come out in, and the search for it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Somewhere to look, by name, with what stands there.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) text: String,
}

impl Place {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// A value that belongs in few places.
pub(super) struct Planted {
    what: &'static str,
    /// What each form is called, and how it reads.
    forms: Vec<(&'static str, String)>,
    /// Places (what their names begin with) where it belongs.
    belongs: &'static [&'static str],
}

impl Planted {
    pub(super) fn new(what: &'static str, value: &str, belongs: &'static [&'static str]) -> Self {
        let bytes = value.as_bytes();
        let hash = digest(&SHA256, bytes);
        let mut forms = vec![
            ("itself", value.to_owned()),
            ("hex", hex::encode(bytes)),
            ("HEX", hex::encode_upper(bytes)),
            ("digest", hex::encode(hash)),
            ("DIGEST", hex::encode_upper(hash)),
        ];
        forms.extend(in_base64(bytes).map(|text| ("base64", text)));
        if !value.is_ascii() {
            forms.push(("percent", bytes.iter().map(|b| format!("%{b:02X}")).collect()));
            forms.push(("percent, small", bytes.iter().map(|b| format!("%{b:02x}")).collect()));
            forms.push(("escaped", value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()));
        }
        Self { what, forms, belongs }
    }

    /// Also in this form.
    pub(super) fn or(mut self, name: &'static str, text: &str) -> Self {
        self.forms.push((name, text.to_owned()));
        self
    }

    /// A number, however it is written and shortened.
    pub(super) fn number(what: &'static str, value: &str, belongs: &'static [&'static str]) -> Vec<Self> {
        let (head, tail) = (&value[..value.len() - 8], &value[value.len() - 4..]);
        let middle = &value[head.len()..value.len() - 4];
        let mut all = Self::new(what, value, belongs)
            .or("in groups", &format!("{head} {middle} {tail}"))
            .or("with dashes", &format!("{head}-{middle}-{tail}"));
        if value.ends_with('X') {
            all = all.or("in small letters", &value.to_lowercase());
        }
        vec![all]
    }

    /// The mask of a number, which staff may see, and its digits put together, which nobody may.
    pub(super) fn masked(mask: &str) -> Vec<Self> {
        let joined: String = mask.chars().filter(|char| *char != '*').collect();
        let shown = &["told to staff"];
        vec![
            Self { what: "masked number", forms: vec![("itself", mask.to_owned())], belongs: shown },
            Self { what: "number without its mask", forms: vec![("word", joined)], belongs: &[] },
        ]
    }
}

/// The three ways a value can stand within something longer that is written in base64, each
/// without the letters that depend on its neighbours.
fn in_base64(bytes: &[u8]) -> impl Iterator<Item = String> {
    let at = |offset: usize| {
        let padded = [&vec![0; offset][..], bytes].concat();
        let whole = padded.len() * 8 / 6;
        let first = (offset * 8).div_ceil(6);
        [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
            .map(|text| text[first..whole].to_owned())
    };
    (0..3).flat_map(at)
}

/// Where each planted value stands that does not belong there: `value, form, place`.
pub(super) fn astray(planted: &[Planted], places: &[Place]) -> Vec<(&'static str, &'static str, String)> {
    let mut found = Vec::new();
    for Planted { what, forms, belongs } in planted {
        for place in places {
            if belongs.iter().any(|belongs| place.name.starts_with(belongs)) {
                continue;
            }
            let form = forms.iter().find(|(form, text)| match *form {
                "word" => stands_as_word(&place.text, text),
                _ => place.text.contains(text.as_str()),
            });
            if let Some((form, _)) = form {
                found.push((*what, *form, place.name.clone()));
            }
        }
    }
    found
}

/// A few digits occur by chance within longer numbers; alone they do not.
fn stands_as_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let edge = |char: Option<char>| !char.is_some_and(|char| char.is_ascii_alphanumeric());
        edge(text[..at].chars().next_back()) && edge(text[at + word.len()..].chars().next())
    })
}

#[test]
fn every_form_is_found() {
    let planted =
        [Planted::new("name", "欧阳锦绣", &["told to staff"]), Planted::new("phone", "13612345678", &[])];
    let hidden = |text: &str| astray(&planted, &[Place::new("here", text)]);
    for offset in 0..3 {
        let whole = format!("{}13612345678欧阳锦绣 and more", "x".repeat(offset));
        for text in [URL_SAFE_NO_PAD.encode(&whole), STANDARD_NO_PAD.encode(&whole), hex::encode(&whole)] {
            assert_eq!(hidden(&text).len(), 2, "{text}");
        }
    }
    assert_eq!(hidden("q=%E6%AC%A7%E9%98%B3%E9%94%A6%E7%BB%A3").len(), 1);
    assert_eq!(hidden("\\u6b27\\u9633\\u9526\\u7ee3").len(), 1);
    assert_eq!(hidden("欧阳, 13612345679").len(), 0);
    assert!(astray(&planted, &[Place::new("told to staff: x", "欧阳锦绣")]).is_empty());
    let mask = Planted::masked("136****5678");
    assert_eq!(astray(&mask, &[Place::new("here", "no. 1365678, 41365678")]).len(), 1);
    assert_eq!(astray(&mask, &[Place::new("here", "41365678")]).len(), 0);
}
