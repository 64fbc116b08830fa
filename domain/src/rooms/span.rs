//! A span within one local day.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Grid;
use crate::time::DAY_MINUTES;

/// A span within one local day, in minutes since midnight; half open, so 09-10 and 10-11 do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    starts: u16,
    ends: u16,
}

impl Span {
    /// From `starts` until just before `ends`; `ends` may be 1440, the end of the day.
    pub const fn new(starts: u16, ends: u16) -> Option<Self> {
        if starts < ends && ends <= DAY_MINUTES { Some(Self { starts, ends }) } else { None }
    }

    /// Reads `HH:MM` and `HH:MM`; the end may be `24:00`.
    pub fn parse(starts: &str, ends: &str) -> Option<Self> {
        Self::new(minute_of_day(starts)?, minute_of_day(ends)?)
    }

    /// Minute at which it starts.
    pub const fn starts(self) -> u16 {
        self.starts
    }

    /// Minute at which it ends, not included.
    pub const fn ends(self) -> u16 {
        self.ends
    }

    /// How long it is.
    pub const fn minutes(self) -> u16 {
        self.ends - self.starts
    }

    /// Whether the two share a minute.
    pub const fn overlaps(self, other: Self) -> bool {
        self.starts < other.ends && other.starts < self.ends
    }

    /// Both ends as `HH:MM`.
    pub fn clock(self) -> [String; 2] {
        [self.starts, self.ends].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60))
    }

    /// The cells it covers, when both ends lie on the grid.
    pub fn cells(self, grid: Grid) -> Option<std::ops::Range<u16>> {
        let minutes = grid.minutes();
        (self.starts.is_multiple_of(minutes) && self.ends.is_multiple_of(minutes))
            .then(|| self.starts / minutes..self.ends / minutes)
    }
}

/// Reads `HH:MM`, up to and including `24:00`.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [starts, ends] = self.clock();
        write!(f, "{starts}-{ends}")
    }
}

/// A text that is not a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a span such as 09:00-10:30")]
pub struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let (starts, ends) = text.split_once('-').ok_or(NotASpan)?;
        Self::parse(starts, ends).ok_or(NotASpan)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_strictly() {
        assert_eq!(Span::parse("09:00", "24:00"), Span::new(540, 1440));
        for (starts, ends) in [
            ("10:00", "09:00"),
            ("09:00", "09:00"),
            ("9:00", "10:00"),
            ("09:60", "11:00"),
            ("23:00", "24:01"),
            ("+9:00", "10:00"),
        ] {
            assert_eq!(Span::parse(starts, ends), None, "{starts} {ends}");
        }
    }
}
