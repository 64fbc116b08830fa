//! Reports that published information is wrong, and how they end.

use crate::{Code, FieldErrors, Refusal, vocabulary::vocabulary};

vocabulary! {
    /// What is wrong.
    ReportKind {
        Hours, "hours", "开放时间有误", "Opening hours";
        Location, "location", "位置有误", "Location";
        Phone, "phone", "电话有误", "Telephone number";
        Price, "price", "价格有误", "Prices";
        Accessibility, "accessibility", "无障碍信息有误", "Accessibility";
        Closed, "closed", "已经关停", "It has closed for good";
        Duplicate, "duplicate", "重复收录", "It is listed twice";
        Other, "other", "其他", "Something else";
    }
}

vocabulary! {
    /// Where a report stands.
    ReportState {
        Open, "open", "待核实", "Waiting to be checked";
        Checking, "checking", "核实中", "Being checked";
        /// An end: the information was mended.
        Corrected, "corrected", "已更正", "Corrected";
        /// An end: the information was right.
        Unfounded, "unfounded", "核实无误", "Found to be right";
        /// An end: another report says the same.
        Duplicate, "duplicate", "重复反馈", "Reported before";
    }
}

impl ReportState {
    /// The states that may follow.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Open => &[Self::Checking, Self::Corrected, Self::Unfounded, Self::Duplicate],
            Self::Checking => &[Self::Open, Self::Corrected, Self::Unfounded, Self::Duplicate],
            Self::Corrected | Self::Unfounded | Self::Duplicate => &[],
        }
    }

    /// Whether nothing follows.
    pub const fn is_final(self) -> bool {
        self.next().is_empty()
    }

    /// Moves along the table. An end needs an answer for the person who reported.
    pub fn to(self, next: Self, answer: Option<&str>) -> Result<Self, Refusal> {
        if !self.next().contains(&next) {
            return Err(Refusal::new(Code::ReportStateInvalid));
        }
        let answered = answer.map_or(0, |answer| answer.trim().chars().count());
        if answered > 500 || (next.is_final() && answered == 0) {
            return Err(Refusal::field(
                "answer",
                "length",
                "请填写给反馈人的答复（500字以内）",
                "Answer the person who reported, in at most 500 characters.",
            ));
        }
        Ok(next)
    }
}

/// What a person reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportDraft {
    /// What is wrong.
    pub kind: ReportKind,
    /// What would be right.
    pub text: Option<String>,
}

impl ReportDraft {
    /// Accepts a report, or names every field that is wrong.
    pub fn accept(mut self) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        self.text = self.text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let length = self.text.as_deref().map_or(0, |text| text.chars().count());
        errors.require(length <= 500, "text", "length", "说明最多500字", "At most 500 characters.");
        let explained = self.kind != ReportKind::Other || length > 0;
        errors.require(explained, "text", "required", "请说明哪里有误", "Say what is wrong.");
        errors.finish().map(|()| self)
    }
}
