//! What residents are told about their bookings, in words that a person of eighty understands.

use chrono::{DateTime, Datelike, Timelike, Utc, Weekday};

use crate::{
    time::local,
    vocabulary::{Vocabulary, vocabulary},
};

vocabulary! {
    /// What happened to a booking, as the title of a message says it.
    BookingChange {
        Confirmed, "confirmed", "预约成功", "Booked";
        Requested, "requested", "预约已提交", "Request sent";
        PaymentDue, "payment_due", "请付款", "Please pay";
        Moved, "moved", "预约改时间了", "Booking moved";
        Cancelled, "cancelled", "预约已取消", "Booking cancelled";
        CancelledByStaff, "cancelled_by_staff", "预约被取消", "Booking cancelled by staff";
        CancelledByClosure, "cancelled_by_closure", "临时关闭，预约取消", "Closed, booking cancelled";
        Declined, "declined", "预约没有通过", "Request declined";
        Expired, "expired", "预约已失效", "Booking lapsed";
    }
}

/// What a message is about.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What happened.
    pub change: BookingChange,
    /// Where: the facility, then the room.
    pub place: &'a str,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Until when it is kept, if it is.
    pub until: Option<DateTime<Utc>>,
    /// What it costs.
    pub price_fen: u32,
}

/// A message in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// A few words.
    pub title: &'static str,
    /// One or two sentences.
    pub body: String,
}

/// The message in Chinese.
pub fn zh(facts: &Facts<'_>) -> Text {
    let what = format!("{}，{}", when_zh(facts.starts_at, Some(facts.ends_at)), facts.place);
    let until = facts.until.map(|until| when_zh(until, None)).unwrap_or_default();
    let body = match facts.change {
        BookingChange::Confirmed => format!("您约好了：{what}。请准时到。"),
        BookingChange::Requested if facts.until.is_some() => {
            format!("工作人员会在{until}前答复您：{what}。在那之前这个时间给您留着。")
        }
        BookingChange::Requested => {
            format!("工作人员看过后会答复您：{what}。同一时间可能还有别人申请。")
        }
        BookingChange::PaymentDue => {
            let yuan = yuan(facts.price_fen);
            format!("这个时间给您留着：{what}。请在{until}前付 {yuan} 元，过时就不留了。")
        }
        BookingChange::Moved => format!("您的预约改到了：{what}。"),
        BookingChange::Cancelled => format!("已经取消：{what}。"),
        BookingChange::CancelledByStaff => {
            format!("工作人员取消了这个预约：{what}。有疑问请打电话给工作人员。")
        }
        BookingChange::CancelledByClosure => {
            format!("场地临时关闭，这个预约取消了：{what}。请不要白跑一趟。")
        }
        BookingChange::Declined => format!("很抱歉，没有约上：{what}。您可以换一个时间。"),
        BookingChange::Expired => format!("保留的时间过了，没有约上：{what}。需要的话请重新预约。"),
    };
    Text { title: facts.change.zh(), body }
}

/// The message in English.
pub fn en(facts: &Facts<'_>) -> Text {
    let what = format!("{}, {}", when_en(facts.starts_at, Some(facts.ends_at)), facts.place);
    let until = facts.until.map(|until| when_en(until, None)).unwrap_or_default();
    let body = match facts.change {
        BookingChange::Confirmed => format!("It is yours: {what}."),
        BookingChange::Requested if facts.until.is_some() => {
            format!("Staff will answer before {until}: {what}. It is kept for you until then.")
        }
        BookingChange::Requested => {
            format!("Staff will answer: {what}. Others may ask for the same time.")
        }
        BookingChange::PaymentDue => {
            let yuan = yuan(facts.price_fen);
            format!("It is kept for you: {what}. Please pay {yuan} yuan before {until}.")
        }
        BookingChange::Moved => format!("Your booking is now: {what}."),
        BookingChange::Cancelled => format!("It is cancelled: {what}."),
        BookingChange::CancelledByStaff => {
            format!("Staff cancelled it: {what}. Please call them if you have questions.")
        }
        BookingChange::CancelledByClosure => {
            format!("The place is closed and the booking is cancelled: {what}.")
        }
        BookingChange::Declined => format!("It was not possible: {what}. Please try another time."),
        BookingChange::Expired => format!("Its time to be kept has passed: {what}. Please book again."),
    };
    Text { title: facts.change.en(), body }
}

fn yuan(fen: u32) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// `3月3日星期二上午9:00到10:30`
pub(super) fn when_zh(starts_at: DateTime<Utc>, ends_at: Option<DateTime<Utc>>) -> String {
    let starts = local(starts_at);
    let day = match starts.weekday() {
        Weekday::Mon => "一",
        Weekday::Tue => "二",
        Weekday::Wed => "三",
        Weekday::Thu => "四",
        Weekday::Fri => "五",
        Weekday::Sat => "六",
        Weekday::Sun => "日",
    };
    let part = match starts.hour() {
        0..6 => "凌晨",
        6..12 => "上午",
        12..18 => "下午",
        _ => "晚上",
    };
    // A clock of twelve hours, as people say it.
    let hour = match starts.hour() {
        hour @ 13.. => hour - 12,
        hour => hour,
    };
    let (month, date, minute) = (starts.month(), starts.day(), starts.minute());
    let mut text = format!("{month}月{date}日星期{day}{part}{hour}:{minute:02}");
    if let Some(ends) = ends_at.map(local) {
        let hour = match ends.hour() {
            hour @ 13.. => hour - 12,
            hour => hour,
        };
        text.push_str(&format!("到{hour}:{:02}", ends.minute()));
    }
    text
}

pub(super) fn when_en(starts_at: DateTime<Utc>, ends_at: Option<DateTime<Utc>>) -> String {
    let starts = local(starts_at).format("%a %-d %b, %H:%M");
    match ends_at.map(local) {
        Some(ends) => format!("{starts} to {}", ends.format("%H:%M")),
        None => starts.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(change: BookingChange) -> Facts<'static> {
        Facts {
            change,
            place: "社区中心的多功能厅",
            starts_at: "2026-03-03T14:00:00+08:00".parse().unwrap(),
            ends_at: "2026-03-03T15:30:00+08:00".parse().unwrap(),
            until: Some("2026-03-02T18:30:00+08:00".parse().unwrap()),
            price_fen: 2_050,
        }
    }

    #[test]
    fn a_message_says_what_where_when_and_what_to_do() {
        assert_eq!(
            zh(&facts(BookingChange::PaymentDue)).body,
            "这个时间给您留着：3月3日星期二下午2:00到3:30，社区中心的多功能厅。请在3月2日星期一晚上6:30前付 20.50 元，过时就不留了。"
        );
        assert_eq!(
            en(&facts(BookingChange::Confirmed)).body,
            "It is yours: Tue 3 Mar, 14:00 to 15:30, 社区中心的多功能厅."
        );
    }

    #[test]
    fn every_change_has_words_of_its_own() {
        let titles: Vec<_> = BookingChange::ALL.iter().map(|change| zh(&facts(*change)).body).collect();
        let distinct: std::collections::HashSet<_> = titles.iter().collect();
        assert_eq!(distinct.len(), BookingChange::ALL.len());
    }
}
