//! Alternatives: what a refusal offers instead, nearest to what was wanted.

use chrono::{DateTime, Duration, Utc};

use super::Times;
use crate::{
    Code, Refusal,
    ids::{RoomId, SlotId},
    inventory::Period,
    time::{local_date, local_minute},
    vocabulary::Vocabulary,
};

/// How many are offered.
pub const MOST: usize = 3;

/// A slot that is free at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Room.
    pub room: RoomId,
    /// Slot.
    pub slot: SlotId,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends, not included.
    pub ends_at: DateTime<Utc>,
    /// How many people it still takes.
    pub takes: u32,
}

/// What another offer must be like to help somebody who was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Helps {
    /// Any other slot does.
    Any,
    /// Only one at another time: where they are is the trouble.
    AnotherTime,
    /// Only one in another window of the quota that is used up.
    AnotherWindow(Period),
}

impl Helps {
    /// What would help against `refusal`; `None` when another slot would not.
    pub fn against(refusal: &Refusal) -> Option<Self> {
        match refusal.code {
            Code::SlotTaken
            | Code::SlotClosed
            | Code::SlotPast
            | Code::SlotTooSoon
            | Code::SlotTooFarAhead
            | Code::SlotsNotContiguous
            | Code::OnlineShareFull
            | Code::PartyTooLarge => Some(Self::Any),
            Code::AlreadyElsewhere => Some(Self::AnotherTime),
            Code::QuotaExhausted => {
                let period = refusal.extra.get("quota")?.get("period")?.as_str()?;
                Some(Self::AnotherWindow(Period::parse(period)?))
            }
            _ => None,
        }
    }

    /// Whether `offer` helps somebody who wanted `times`.
    pub fn with(self, offer: &Offer, times: Times) -> bool {
        match self {
            Self::Any => true,
            Self::AnotherTime => offer.ends_at <= times.0 || times.1 <= offer.starts_at,
            Self::AnotherWindow(period) => {
                period.window(local_date(offer.starts_at)) != period.window(local_date(times.0))
            }
        }
    }
}

/// Why an offer is close to what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same room on the same day.
    SameRoom,
    /// Another room on the same day.
    Nearby,
    /// Another day.
    AnotherDay,
}

impl Kind {
    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameRoom => "same_room",
            Self::Nearby => "nearby",
            Self::AnotherDay => "another_day",
        }
    }
}

/// Up to [`MOST`] of `offers` for somebody who wanted `room` at `times`: the nearest of each kind
/// first, so that they can choose what to give up, then whatever is nearest.
pub fn choose(room: RoomId, times: Times, offers: Vec<Offer>) -> Vec<(Kind, Offer)> {
    let (starts_at, ends_at) = times;
    let kind_of = |offer: &Offer| match (local_date(offer.starts_at) == local_date(starts_at), offer.room) {
        (false, _) => Kind::AnotherDay,
        (true, same) if same == room => Kind::SameRoom,
        (true, _) => Kind::Nearby,
    };
    let far = |offer: &Offer| {
        let days = (local_date(offer.starts_at) - local_date(starts_at)).num_days().abs();
        let minutes = i64::from(local_minute(offer.starts_at).abs_diff(local_minute(starts_at)));
        let length = ((offer.ends_at - offer.starts_at) - (ends_at - starts_at)).num_minutes().abs();
        // Another hour of the next day is further than the same hour in three.
        (days * 60 + minutes + length, offer.room != room, offer.starts_at, offer.slot)
    };
    let mut ranked: Vec<_> = offers.into_iter().map(|offer| (kind_of(&offer), offer)).collect();
    ranked.sort_by_key(|(_, offer)| far(offer));
    let mut chosen: Vec<(Kind, Offer)> = Vec::with_capacity(MOST);
    for kind in [Kind::SameRoom, Kind::Nearby, Kind::AnotherDay] {
        if let Some(index) = ranked.iter().position(|(of, _)| *of == kind) {
            chosen.push(ranked.remove(index));
        }
    }
    let missing = MOST.saturating_sub(chosen.len());
    chosen.extend(ranked.into_iter().take(missing));
    chosen
}

/// What gapless runs of `open` in one room make up exactly `length`; each takes what its fullest slot takes.
pub fn stays(open: &[Offer], length: Duration) -> Vec<Offer> {
    let mut sorted: Vec<&Offer> = open.iter().filter(|offer| offer.takes > 0).collect();
    sorted.sort_by_key(|offer| (offer.room, offer.starts_at, offer.ends_at));
    let from = |first: &&Offer| {
        let mut stay = (*first).clone();
        while stay.ends_at - stay.starts_at < length {
            // Of several that go on, the shortest leaves most room for an exact end.
            let at = sorted.partition_point(|one| (one.room, one.starts_at) < (stay.room, stay.ends_at));
            let next = sorted.get(at).filter(|one| (one.room, one.starts_at) == (stay.room, stay.ends_at))?;
            stay.ends_at = next.ends_at;
            stay.takes = stay.takes.min(next.takes);
        }
        (stay.ends_at - stay.starts_at == length).then_some(stay)
    };
    sorted.iter().filter_map(from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::instant;
    use uuid::Uuid;

    fn offer(room: u128, day: i64, hour: i32, slot: u128) -> Offer {
        let date = "2026-03-03".parse::<chrono::NaiveDate>().unwrap() + chrono::Duration::days(day);
        Offer {
            room: Uuid::from_u128(room).into(),
            slot: Uuid::from_u128(slot).into(),
            starts_at: instant(date, hour * 60),
            ends_at: instant(date, hour * 60 + 60),
            takes: 10,
        }
    }

    fn chosen(offers: &[Offer]) -> Vec<(&'static str, u128)> {
        let wanted = offer(1, 0, 9, 0);
        choose(wanted.room, (wanted.starts_at, wanted.ends_at), offers.to_vec())
            .into_iter()
            .map(|(kind, offer)| (kind.as_str(), offer.slot.0.as_u128()))
            .collect()
    }

    #[test]
    fn the_nearest_of_each_kind_comes_first() {
        let offers = [
            offer(1, 0, 14, 1),
            offer(1, 0, 10, 2),
            offer(2, 0, 9, 3),
            offer(2, 0, 16, 4),
            offer(1, 1, 19, 5),
            offer(1, 3, 9, 6),
        ];
        assert_eq!(chosen(&offers), [("same_room", 2), ("nearby", 3), ("another_day", 6)]);
    }

    #[test]
    fn only_what_helps_is_offered() {
        let wanted = offer(1, 0, 9, 0);
        let times = (wanted.starts_at, wanted.ends_at);
        let helps = |helps: Helps, offer: Offer| helps.with(&offer, times);
        assert!(helps(Helps::Any, offer(2, 0, 9, 1)));
        assert!(!helps(Helps::AnotherTime, offer(2, 0, 9, 1)), "still in two places");
        assert!(helps(Helps::AnotherTime, offer(2, 0, 10, 1)));
        // The third of March 2026 is a Tuesday.
        assert!(!helps(Helps::AnotherWindow(Period::IsoWeek), offer(1, 5, 9, 1)));
        assert!(helps(Helps::AnotherWindow(Period::IsoWeek), offer(1, 6, 9, 1)));
        assert_eq!(Helps::against(&Code::SlotTaken.into()), Some(Helps::Any));
        assert_eq!(Helps::against(&Code::FamilyConsentMissing.into()), None);
        let quota = serde_json::json!({ "period": "month" });
        let used_up = Refusal::new(Code::QuotaExhausted).with_extra("quota", quota);
        assert_eq!(Helps::against(&used_up), Some(Helps::AnotherWindow(Period::Month)));
    }

    #[test]
    fn what_one_kind_lacks_another_fills_and_nothing_is_offered_twice() {
        assert_eq!(chosen(&[]), []);
        let days = [offer(1, 1, 9, 1), offer(1, 2, 9, 2), offer(1, 3, 9, 3), offer(1, 4, 9, 4)];
        assert_eq!(chosen(&days), [("another_day", 1), ("another_day", 2), ("another_day", 3)]);
    }

    #[test]
    fn short_slots_make_up_a_longer_stay_and_only_without_a_gap() {
        let full = Offer { takes: 0, ..offer(1, 0, 16, 7) };
        let few = Offer { takes: 4, ..offer(1, 0, 10, 2) };
        let open = [offer(1, 0, 9, 1), few, offer(1, 0, 14, 3), offer(1, 0, 15, 4), full, offer(2, 0, 11, 5)];
        let made = |hours| -> Vec<_> {
            let stays = stays(&open, Duration::hours(hours));
            stays.iter().map(|stay| (stay.slot.0.as_u128(), stay.takes)).collect()
        };
        assert_eq!(made(1), [(1, 10), (2, 4), (3, 10), (4, 10), (5, 10)]);
        assert_eq!(made(2), [(1, 4), (3, 10)]);
        assert_eq!(made(3), []);
    }
}
