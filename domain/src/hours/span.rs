//! A span of minutes that begins on one date and may end on the next.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Refusal, time::DAY_MINUTES};

/// From a minute of the day to a later one, at most 24 hours; written `09:00-17:00`.
///
/// When it closes at or before it opens, it closes on the next date: `18:00-02:00`,
/// and `00:00-24:00` or `00:00-00:00` is the whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// A span by minutes since midnight: `opens` 0 to 1439, `closes` 0 to 1440.
    pub fn new(opens: u16, closes: u16) -> Result<Self, Refusal> {
        if opens >= DAY_MINUTES {
            return Err(invalid("opens"));
        }
        if closes > DAY_MINUTES {
            return Err(invalid("closes"));
        }
        let end = if closes <= opens { closes + DAY_MINUTES } else { closes };
        Ok(Self { start: opens, end })
    }

    /// Reads `HH:MM` for both ends, `24:00` included for the second.
    pub fn parse(opens: &str, closes: &str) -> Result<Self, Refusal> {
        let opens = minute_of_day(opens).ok_or_else(|| invalid("opens"))?;
        let closes = minute_of_day(closes).ok_or_else(|| invalid("closes"))?;
        Self::new(opens, closes)
    }

    /// Minute of the date on which it begins.
    pub const fn start(self) -> u16 {
        self.start
    }

    /// Minute at which it is over, counted from the same midnight; past 1440 it is on the next date.
    pub const fn end(self) -> u16 {
        self.end
    }

    /// `HH:MM` of the opening.
    pub fn opens(self) -> String {
        clock(self.start)
    }

    /// `HH:MM` of the closing; midnight at the end of the day is `24:00`.
    pub fn closes(self) -> String {
        clock(if self.end > DAY_MINUTES { self.end - DAY_MINUTES } else { self.end })
    }

    /// Both as one span, where they touch and do not outgrow a day.
    pub(super) fn joined(self, later: Self) -> Option<Self> {
        let end = self.end.max(later.end);
        (later.start <= self.end && end - self.start <= DAY_MINUTES)
            .then_some(Self { start: self.start, end })
    }
}

fn invalid(field: &str) -> Refusal {
    Refusal::field(field, "time", "时间格式应为 HH:MM", "Write the time as HH:MM.")
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn minute_of_day(text: &str) -> Option<u16> {
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.opens(), self.closes())
    }
}

impl FromStr for Span {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (opens, closes) = text.split_once('-').ok_or_else(|| invalid(""))?;
        Self::parse(opens, closes)
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
        text.parse().map_err(|_| serde::de::Error::custom("not a span of time"))
    }
}
