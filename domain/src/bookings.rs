//! Bookings 预约: who comes when, and how a booking's life moves.
//!
//! A booking that holds room time has a claim; every move out of such a state gives the claim back,
//! exactly once, because only one move out of a state can succeed.

pub mod alternatives;
mod channel;
mod left;
pub mod message;
mod policy;
pub mod quota;
pub mod series;
mod state;

use chrono::{DateTime, Utc};

use crate::{Code, Refusal, rooms::BookingRules};

pub use self::{
    channel::Channel,
    left::{SlotLeft, left},
    policy::{Approval, LateCancel, MAX_KEPT_MINUTES, MAX_PRICE_FEN, Policy},
    state::{CancelTerms, CancelledBy, State},
};

/// How many characters a purpose or a reason may have.
pub const MAX_TEXT_CHARS: usize = 200;

/// How many slots one booking may join.
pub const MAX_SLOTS: usize = 16;

/// How many companions a booking may name.
pub const MAX_COMPANIONS: usize = 20;

/// How many people come, the booker included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartySize(u16);

impl PartySize {
    /// At least one person, and no more than fit.
    pub fn new(people: i64, rules: &BookingRules) -> Result<Self, Refusal> {
        let Some(people) = u16::try_from(people).ok().filter(|people| *people > 0) else {
            let (zh, en) = ("人数至少为 1", "At least one person comes.");
            return Err(Refusal::field("party_size", "out_of_range", zh, en));
        };
        if people > rules.max_party_size {
            let most = rules.max_party_size;
            return Err(Refusal::new(Code::PartyTooLarge).with_detail(
                format!("这个房间最多容纳 {most} 人"),
                format!("This room takes {most} people at the most."),
            ));
        }
        Ok(Self(people))
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// When one slot starts and ends.
pub type Times = (DateTime<Utc>, DateTime<Utc>);

/// Joins slots into one stay: each begins when the one before ends.
pub fn join(slots: &mut [Times]) -> Result<Times, Refusal> {
    slots.sort_unstable();
    let gapless = slots.windows(2).all(|pair| pair[0].1 == pair[1].0);
    match (slots.first(), slots.last()) {
        (Some(first), Some(last)) if gapless => Ok((first.0, last.1)),
        _ => Err(Code::SlotsNotContiguous.into()),
    }
}

/// A short free text: trimmed, without control characters, at most [`MAX_TEXT_CHARS`] long.
pub fn short_text(field: &'static str, text: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(Refusal::field(field, "too_long", "最多 200 个字", "At most 200 characters."));
    }
    if text.chars().any(char::is_control) {
        let (zh, en) = ("不能含有控制字符", "No control characters.");
        return Err(Refusal::field(field, "control_character", zh, en));
    }
    Ok(Some(text))
}

/// The names of those who come along: each short and printable, no more than the party has places for.
pub fn companions(names: Vec<String>, party: PartySize) -> Result<Vec<String>, Refusal> {
    let most = MAX_COMPANIONS.min(usize::from(party.get()) - 1);
    if names.len() > most {
        let (zh, en) = (
            "同行的人比来的人数还多，或者超过 20 位",
            "More companions than people who come, or more than 20.",
        );
        return Err(Refusal::field("companions", "count", zh, en));
    }
    let mut printable = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let name = short_text("companions", Some(name))?.ok_or_else(|| {
            Refusal::field(
                format!("companions[{index}]"),
                "required",
                "请填写姓名",
                "A companion has a name.",
            )
        })?;
        printable.push(name);
    }
    Ok(printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;

    const RULES: BookingRules = BookingRules {
        max_party_size: 10,
        lead: Duration::zero(),
        horizon_days: 14,
        cancel_until: Duration::zero(),
    };

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::minutes(minute)
    }

    #[test]
    fn party_size_is_one_to_what_fits() {
        let code =
            |people| PartySize::new(people, &RULES).map(PartySize::get).map_err(|refusal| refusal.code);
        assert_eq!(code(0), Err(Code::InvalidInput));
        assert_eq!(code(-1), Err(Code::InvalidInput));
        assert_eq!(code(10), Ok(10));
        assert_eq!(code(11), Err(Code::PartyTooLarge));
        assert_eq!(code(i64::MAX), Err(Code::InvalidInput));
    }

    #[test]
    fn slots_join_without_gap_and_without_overlap() {
        let stay = |slots: &[(i64, i64)]| {
            join(&mut slots.iter().map(|&(a, b)| (at(a), at(b))).collect::<Vec<_>>())
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(stay(&[(60, 90), (30, 60)]), Ok((at(30), at(90))));
        for bad in [&[][..], &[(0, 30), (60, 90)], &[(0, 60), (30, 90)], &[(0, 30), (0, 30)]] {
            assert_eq!(stay(bad), Err(Code::SlotsNotContiguous), "{bad:?}");
        }
    }

    #[test]
    fn free_text_is_short_and_printable() {
        assert_eq!(short_text("purpose", Some("  合唱  ".into())), Ok(Some("合唱".into())));
        assert_eq!(short_text("purpose", Some("   ".into())), Ok(None));
        assert!(short_text("purpose", Some("字".repeat(201))).is_err());
        assert!(short_text("purpose", Some("a\u{0}b".into())).is_err());
    }

    #[test]
    fn companions_are_fewer_than_the_party() {
        let party = PartySize::new(3, &RULES).unwrap();
        let names = |n| vec!["王芳".to_owned(); n];
        assert_eq!(companions(names(2), party), Ok(names(2)));
        assert_eq!(companions(names(3), party).unwrap_err().errors[0].code, "count");
        assert_eq!(companions(vec!["  ".into()], party).unwrap_err().errors[0].field, "companions[0]");
    }
}
