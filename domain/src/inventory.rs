//! Inventory 库存: whatever runs out is *stock*, and whoever wants some of it makes a *claim*.
//!
//! A room's cell, a seat class, a portion of a dish and a reward are all stock. A claim asks for
//! units of some stocks, all or nothing. Invariant: the units of the live claims on a stock are its
//! `used`, and `used` never exceeds `capacity`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{Datelike, NaiveDate};

use crate::ids::{ClaimId, FacilityId, StockId};

/// How many stocks one claim may touch: two days of a three-part hall on a 15-minute grid.
pub const MAX_NEEDS: usize = 576;

/// Something that runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Which stock.
    pub id: StockId,
    /// How many units there are.
    pub capacity: u32,
    /// How many of them live claims hold.
    pub used: u32,
    /// Whether it may be claimed now; a closed stock keeps the claims it has.
    pub open: bool,
    /// Grows with every change.
    pub version: i64,
}

/// Why a stock cannot give what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Not enough units are free.
    SoldOut,
    /// It is not open.
    Closed,
}

impl Stock {
    /// Units that may be claimed now.
    pub const fn free(&self) -> u32 {
        if self.open { self.capacity.saturating_sub(self.used) } else { 0 }
    }

    /// The stock after giving `units`.
    pub const fn take(self, units: u32) -> Result<Self, Shortage> {
        if !self.open {
            return Err(Shortage::Closed);
        }
        if self.free() < units {
            return Err(Shortage::SoldOut);
        }
        Ok(Self { used: self.used + units, version: self.version + 1, ..self })
    }

    /// The stock after `units` came back. A closed stock takes back too.
    #[must_use]
    pub const fn give_back(self, units: u32) -> Self {
        Self { used: self.used.saturating_sub(units), version: self.version + 1, ..self }
    }
}

/// The unit in which the gate loads stocks, and its hash tag: at most some 2,000 stocks.
///
/// A notion of the gate only; a transaction may touch stocks of any tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The rooms of a facility on one local date.
    pub fn facility_day(facility: FacilityId, date: NaiveDate) -> Self {
        Self(format!("{facility}:{date}"))
    }

    /// The tag as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Tag {
    /// Reads a stored tag back.
    fn from(stored: String) -> Self {
        Self(stored)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a claim to the gate: a digest of the principal and their idempotency key.
///
/// The gate remembers it, so that a retry finds its own claim behind "sold out".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest(pub [u8; 16]);

/// Length of a printed [`KeyDigest`].
pub const DIGEST_CHARS: usize = 32;

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a printed [`KeyDigest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest of 32 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for KeyDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        if text.len() != DIGEST_CHARS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotADigest);
        }
        u128::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| NotADigest)
    }
}

/// Units wanted of one stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Which stock.
    pub stock: StockId,
    /// How many units, at least one.
    pub units: u32,
}

/// A claim: units of some stocks for one principal, all or nothing.
///
/// Its id is made before anything else, and is the id of the booking, order or redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Id of the claim and of what it is for.
    pub id: ClaimId,
    /// Who claims, as the idempotency record names them.
    pub principal: String,
    /// Names the claim to the gate.
    pub digest: KeyDigest,
    needs: BTreeMap<Tag, Vec<Need>>,
}

/// A claim that cannot be made at all: a defect of the caller, not a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It asks for nothing, or for zero units of something.
    #[error("a claim asks for at least one unit of each of its stocks")]
    Nothing,
    /// It names a stock twice.
    #[error("a claim names each stock once")]
    Twice,
    /// It asks for too many stocks.
    #[error("a claim touches at most {MAX_NEEDS} stocks")]
    TooMany,
}

impl Claim {
    /// A claim for `needs`, each with the tag of its stock.
    pub fn new(
        id: ClaimId,
        principal: String,
        digest: KeyDigest,
        needs: impl IntoIterator<Item = (Tag, Need)>,
    ) -> Result<Self, ClaimError> {
        let mut by_tag = BTreeMap::<Tag, Vec<Need>>::new();
        for (tag, need) in needs {
            if need.units == 0 {
                return Err(ClaimError::Nothing);
            }
            by_tag.entry(tag).or_default().push(need);
        }
        for needs in by_tag.values_mut() {
            needs.sort_unstable();
        }
        let claim = Self { id, principal, digest, needs: by_tag };
        let sorted = claim.needs_by_stock();
        if sorted.is_empty() {
            return Err(ClaimError::Nothing);
        }
        if sorted.len() > MAX_NEEDS {
            return Err(ClaimError::TooMany);
        }
        if sorted.windows(2).any(|pair| pair[0].stock == pair[1].stock) {
            return Err(ClaimError::Twice);
        }
        Ok(claim)
    }

    /// The needs, tag by tag in the order in which the gate is asked.
    pub const fn needs_by_tag(&self) -> &BTreeMap<Tag, Vec<Need>> {
        &self.needs
    }

    /// The needs in the order in which SQL locks their rows.
    pub fn needs_by_stock(&self) -> Vec<Need> {
        let mut needs: Vec<_> = self.needs.values().flatten().copied().collect();
        needs.sort_unstable();
        needs
    }
}

/// The span a quota 限额 counts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// A local day.
    Day,
    /// Monday to Sunday, as ISO 8601 numbers weeks.
    IsoWeek,
    /// A calendar month.
    Month,
}

impl Period {
    /// The window of this period that holds the local `date`: the key of a quota's row.
    pub fn window(self, date: NaiveDate) -> String {
        match self {
            Self::Day => date.to_string(),
            Self::IsoWeek => {
                let week = date.iso_week();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Self::Month => format!("{}-{:02}", date.year(), date.month()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn stock_id(n: u128) -> StockId {
        Uuid::from_u128(n).into()
    }

    fn claim(needs: &[(&str, u128, u32)]) -> Result<Claim, ClaimError> {
        let needs = needs
            .iter()
            .map(|&(tag, stock, units)| (Tag::from(tag.to_owned()), Need { stock: stock_id(stock), units }));
        Claim::new(Uuid::from_u128(1).into(), "resident:1".into(), KeyDigest([7; 16]), needs)
    }

    #[test]
    fn a_closed_stock_gives_nothing_but_takes_back() {
        let open = Stock { id: stock_id(1), capacity: 2, used: 1, open: true, version: 5 };
        assert_eq!(open.take(2), Err(Shortage::SoldOut));
        let full = open.take(1).unwrap();
        assert_eq!((full.used, full.version, full.free()), (2, 6, 0));
        let closed = Stock { open: false, ..open };
        assert_eq!((closed.take(1), closed.free()), (Err(Shortage::Closed), 0));
        assert_eq!(closed.give_back(1).used, 0);
    }

    #[test]
    fn a_claim_names_each_stock_once_and_sorts_for_gate_and_sql() {
        assert_eq!(claim(&[]), Err(ClaimError::Nothing));
        assert_eq!(claim(&[("a", 1, 0)]), Err(ClaimError::Nothing));
        assert_eq!(claim(&[("a", 1, 1), ("b", 1, 1)]), Err(ClaimError::Twice));
        let claim = claim(&[("b", 1, 1), ("a", 3, 2), ("a", 2, 1)]).unwrap();
        let tags: Vec<_> = claim.needs_by_tag().keys().map(Tag::as_str).collect();
        assert_eq!(tags, ["a", "b"]);
        let stocks: Vec<_> = claim.needs_by_stock().iter().map(|need| need.stock).collect();
        assert_eq!(stocks, [stock_id(1), stock_id(2), stock_id(3)]);
    }

    #[test]
    fn sunday_and_monday_are_different_iso_weeks_also_across_new_year() {
        let week = |text: &str| Period::IsoWeek.window(text.parse().unwrap());
        assert_eq!(week("2026-11-22"), "2026-W47");
        assert_eq!(week("2026-11-23"), "2026-W48");
        assert_eq!(week("2027-01-03"), "2026-W53");
        assert_eq!(week("2027-01-04"), "2027-W01");
        assert_eq!(Period::Month.window("2026-02-01".parse().unwrap()), "2026-02");
    }

    proptest! {
        #[test]
        fn used_is_the_sum_of_what_was_given_and_never_above_capacity(
            capacity in 0u32..20,
            asks in prop::collection::vec((any::<bool>(), 1u32..6), 0..60),
        ) {
            let mut stock = Stock { id: stock_id(1), capacity, used: 0, open: true, version: 0 };
            let mut live = Vec::new();
            for (takes, units) in asks {
                if takes {
                    if let Ok(next) = stock.take(units) {
                        stock = next;
                        live.push(units);
                    }
                } else if let Some(units) = live.pop() {
                    stock = stock.give_back(units);
                }
                prop_assert_eq!(stock.used, live.iter().sum::<u32>());
                prop_assert!(stock.used <= stock.capacity);
            }
        }

        #[test]
        fn a_digest_reads_back(bytes in any::<[u8; 16]>()) {
            let digest = KeyDigest(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }
}
