//! Inventory 库存: whatever runs out is *stock*, and whoever wants some of it makes a *claim*.
//!
//! A room's cell, a seat class, a portion of a dish and a reward are all stock. A claim asks for
//! units of some stocks, all or nothing. Invariant: the units of the live claims on a stock are its
//! `used`, and `used` never exceeds `capacity`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};

use crate::ids::{ClaimId, FacilityId, StockId};

mod quota;
pub mod waiting;

pub use quota::{MAX_QUOTAS, Period, QuotaNeed};

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

/// Why a claim cannot have what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Not enough units of a stock are free.
    SoldOut,
    /// A stock is not open.
    Closed,
    /// A quota allows no more in its window.
    Quota {
        /// Which quota.
        key: String,
        /// Units taken of it.
        used: u32,
        /// Units it allows.
        limit: u32,
    },
}

impl Stock {
    /// Units that may be claimed now.
    pub const fn free(&self) -> u32 {
        if self.open { self.capacity.saturating_sub(self.used) } else { 0 }
    }

    /// The stock after giving `units`.
    pub fn take(self, units: u32) -> Result<Self, Shortage> {
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
    /// When it lapses unless it is confirmed: a hold that its principal can see.
    pub expires_at: Option<DateTime<Utc>>,
    needs: BTreeMap<Tag, Vec<Need>>,
    quotas: Vec<QuotaNeed>,
}

/// The one meaning of a live hold: a claim without an expiry, or one whose expiry is to come.
pub fn is_live(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_none_or(|at| at > now)
}

/// A claim that cannot be made at all: a defect of the caller, not a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It asks for nothing, or for zero units of something.
    #[error("a claim asks for at least one unit of each of its stocks and quotas")]
    Nothing,
    /// It names a stock, or a window of a quota, twice.
    #[error("a claim names each stock and each window of a quota once")]
    Twice,
    /// It asks for too many stocks or quotas.
    #[error("a claim touches at most {MAX_NEEDS} stocks and {MAX_QUOTAS} quotas")]
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
        let claim = Self { id, principal, digest, expires_at: None, needs: by_tag, quotas: Vec::new() };
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

    /// The same claim, counting against `quotas` too.
    pub fn with_quotas(mut self, quotas: impl IntoIterator<Item = QuotaNeed>) -> Result<Self, ClaimError> {
        self.quotas.extend(quotas);
        self.quotas.sort_unstable();
        if self.quotas.iter().any(|quota| quota.units == 0) {
            return Err(ClaimError::Nothing);
        }
        if self.quotas.len() > MAX_QUOTAS {
            return Err(ClaimError::TooMany);
        }
        let same = |pair: &[QuotaNeed]| (&pair[0].key, &pair[0].window) == (&pair[1].key, &pair[1].window);
        if self.quotas.windows(2).any(same) {
            return Err(ClaimError::Twice);
        }
        Ok(self)
    }

    /// The same claim as a hold that lapses at `at` unless it is confirmed before.
    #[must_use]
    pub fn expiring(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// What it asks beyond the units of `held`, for which the gate need not be asked again.
    pub fn beyond(&self, held: &[Need]) -> BTreeMap<Tag, Vec<Need>> {
        let more = |need: &Need| {
            let has = held.iter().find(|one| one.stock == need.stock).map_or(0, |one| one.units);
            need.units.checked_sub(has).filter(|units| *units > 0).map(|units| Need { units, ..*need })
        };
        let by_tag =
            self.needs.iter().map(|(tag, needs)| (tag.clone(), needs.iter().filter_map(more).collect()));
        by_tag.filter(|(_, needs): &(Tag, Vec<Need>)| !needs.is_empty()).collect()
    }

    /// The quotas in the order in which SQL locks their rows.
    pub fn quotas(&self) -> &[QuotaNeed] {
        &self.quotas
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
    fn a_claim_names_each_window_of_a_quota_once_in_the_order_of_locks() {
        let quota = |key: &str, window: &str, units| QuotaNeed {
            key: key.into(),
            window: window.into(),
            units,
            limit: 2,
        };
        let plain = claim(&[("a", 1, 1)]).unwrap();
        let sorted = plain.clone().with_quotas([quota("b", "1", 1), quota("a", "2", 1), quota("a", "1", 1)]);
        let order: Vec<_> =
            sorted.unwrap().quotas().iter().map(|need| format!("{}{}", need.key, need.window)).collect();
        assert_eq!(order, ["a1", "a2", "b1"]);
        assert_eq!(plain.clone().with_quotas([quota("a", "1", 0)]), Err(ClaimError::Nothing));
        assert_eq!(
            plain.with_quotas([quota("a", "1", 1), quota("a", "1", 2)]),
            Err(ClaimError::Twice),
            "whatever the units"
        );
    }

    #[test]
    fn what_a_claim_holds_already_is_not_asked_for_again() {
        let moved = claim(&[("a", 1, 1), ("a", 2, 3), ("b", 3, 1)]).unwrap();
        let held = [Need { stock: stock_id(1), units: 1 }, Need { stock: stock_id(2), units: 1 }];
        let beyond = moved.beyond(&held);
        let all: Vec<_> = beyond.values().flatten().copied().collect();
        assert_eq!(all, [Need { stock: stock_id(2), units: 2 }, Need { stock: stock_id(3), units: 1 }]);
        assert!(moved.beyond(&moved.needs_by_stock()).is_empty());
    }

    #[test]
    fn a_hold_lives_until_just_before_its_expiry() {
        let at = DateTime::UNIX_EPOCH;
        assert!(is_live(None, at) && is_live(Some(at), at - chrono::Duration::microseconds(1)));
        assert!(!is_live(Some(at), at));
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
