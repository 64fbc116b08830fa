//! Notices 发布: dated news of a facility.

use chrono::{Days, NaiveDate};

use crate::{FieldErrors, Refusal, vocabulary::vocabulary};

vocabulary! {
    /// What a notice is about.
    NoticeKind {
        Information, "information", "公告", "Information";
        Closure, "closure", "停用通知", "Closure";
        Event, "event", "活动", "Event";
    }
}

/// A notice that every rule accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// First local date on which residents see it.
    pub shown_from: NaiveDate,
    /// Last local date on which residents see it.
    pub shown_to: NaiveDate,
}

impl Notice {
    const MAX_TITLE_CHARS: usize = 60;
    const MAX_BODY_CHARS: usize = 2000;
    const MAX_DAYS: u64 = 366;

    /// Accepts a notice, or names every field that is wrong.
    pub fn accept(mut self) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        for text in [&mut self.title, &mut self.body] {
            *text = text.trim().into();
        }
        let title = (1..=Self::MAX_TITLE_CHARS).contains(&self.title.chars().count());
        errors.require(title, "title", "length", "标题应为1至60字", "The title has 1 to 60 characters.");
        let body = self.body.chars().count() <= Self::MAX_BODY_CHARS;
        errors.require(body, "body", "length", "正文最多2000字", "The text has at most 2,000 characters.");
        let latest = self.shown_from.checked_add_days(Days::new(Self::MAX_DAYS)).unwrap_or(self.shown_from);
        let period = (self.shown_from..=latest).contains(&self.shown_to);
        errors.require(
            period,
            "shown_to",
            "period",
            "展示期应为1天至366天",
            "A notice is shown for 1 to 366 days.",
        );
        errors.finish().map(|()| self)
    }

    /// Whether residents see it on the date.
    pub fn current(&self, date: NaiveDate) -> bool {
        (self.shown_from..=self.shown_to).contains(&date)
    }
}
