//! Wishes: how it should be, said in words.

use serde::{Deserialize, Serialize};

/// What a question says about a facility beside what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// 现在开门的: only what is open.
    OpenNow,
    /// 周末开门的: only what opens on the coming Saturday or Sunday.
    OpenWeekend,
    /// 晚上开门的: only what is open at eight this evening.
    OpenEvening,
    /// 24小时的: only what is open at three in the night.
    OpenAllNight,
    /// 免费的: only what has something free of charge.
    Free,
    /// 离我最近的: nearness counts more than the name.
    Nearest,
}

impl Wish {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenNow => "open_now",
            Self::OpenWeekend => "open_weekend",
            Self::OpenEvening => "open_evening",
            Self::OpenAllNight => "open_all_night",
            Self::Free => "free",
            Self::Nearest => "nearest",
        }
    }

    /// What it asks, in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::OpenNow => "现在营业",
            Self::OpenWeekend => "周末营业",
            Self::OpenEvening => "晚上营业",
            Self::OpenAllNight => "全天营业",
            Self::Free => "免费",
            Self::Nearest => "离您最近",
        }
    }

    /// What it asks, in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::OpenNow => "open now",
            Self::OpenWeekend => "open at the weekend",
            Self::OpenEvening => "open in the evening",
            Self::OpenAllNight => "open all night",
            Self::Free => "free of charge",
            Self::Nearest => "nearest to you",
        }
    }
}
