//! Writing answers: the part of a hit that is the same for everyone was serialised when the
//! facility changed, and only what depends on the question is written round it.

use std::fmt::Write;

use linli_domain::{
    Vocabulary,
    facility::Category,
    geo::{CIRCUITY, Datum, WalkProfile},
    time,
};
use linli_search::{
    Answer, Counts, Facets, Hit,
    catalogue::{Facts, Openings},
};
use linli_store::storage::facilities::notice;

use super::told::Telling;
use crate::clients::walking::{Walk, Walked};

/// How the person sees the answer.
#[derive(Clone, Copy)]
pub struct View {
    pub datum: Datum,
    pub profile: WalkProfile,
    /// What is told besides; not on the first screen.
    pub told: Option<Telling>,
}

/// What is known of the hits of a page besides, hit by hit.
#[derive(Clone, Copy, Default)]
pub struct Joined<'a> {
    /// The walks a router knows, if there is one.
    pub walked: Option<&'a Walked>,
    /// What can still be booked today.
    pub left: &'a [Option<u32>],
}

/// A page of hits. `degraded`: the lesser search engine answered.
pub fn page(
    answer: &Answer,
    view: View,
    joined: Joined<'_>,
    next_cursor: Option<&str>,
    degraded: bool,
) -> String {
    // A hit takes about 700 bytes.
    let mut out = String::with_capacity(400 + answer.hits.len() * 800);
    out.push('{');
    hits(&mut out, answer, view, joined);
    if let Some(cursor) = next_cursor {
        // A cursor is base64url and needs no escaping.
        put(&mut out, format_args!(",\"next_cursor\":\"{cursor}\""));
    }
    put(&mut out, format_args!(",\"coord\":\"{}\"", view.datum));
    walk_method(&mut out, view.profile, joined.walked);
    if let Some(counts) = &answer.facets {
        facets(&mut out, counts);
    }
    if let Some(metres) = answer.widened_to_m {
        put(&mut out, format_args!(",\"widened_to_m\":{metres:.0}"));
    }
    if answer.relaxed {
        out.push_str(",\"relaxed\":true");
    }
    if let Some(told) = view.told {
        told.understood(&mut out, answer);
    }
    if degraded {
        out.push_str(",\"degraded\":[\"search\"]");
    }
    out.push('}');
    out
}

/// The first screen.
pub fn home(
    categories: &[(Category, Answer)],
    view: View,
    notices: &[notice::Model],
    degraded: &[&'static str],
) -> String {
    let mut out = String::from("{\"categories\":[");
    for (at, (category, answer)) in categories.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (total, open) = answer.facets.as_ref().map_or((0, 0), |facets| (facets.total, facets.open));
        put(
            &mut out,
            format_args!("{comma}{{\"category\":\"{category}\",\"count\":{total},\"open\":{open},"),
        );
        hits(&mut out, answer, view, Joined::default());
        out.push('}');
    }
    put(&mut out, format_args!("],\"coord\":\"{}\"", view.datum));
    walk_method(&mut out, view.profile, None);
    let notices: Vec<_> = notices
        .iter()
        .map(|n| serde_json::json!({ "facility_id": n.facility_id.to_string(), "kind": n.kind, "title": n.title }))
        .collect();
    put(
        &mut out,
        format_args!(
            ",\"notices\":{},\"degraded\":{}}}",
            serde_json::json!(notices),
            serde_json::json!(degraded)
        ),
    );
    out
}

fn hits(out: &mut String, answer: &Answer, view: View, joined: Joined<'_>) {
    out.push_str("\"items\":[");
    let mut first = true;
    for (at, hit) in answer.hits.iter().enumerate() {
        let Some((facts, card)) = answer.snapshot.facts(hit.slot).zip(answer.snapshot.card(hit.slot)) else {
            continue;
        };
        if !first {
            out.push(',');
        }
        first = false;
        out.push_str(card.open_json());
        place(out, facts, hit, view, joined.walked.and_then(|walked| walked.walks[at]));
        opening(out, facts, &answer.openings);
        // Whoever takes nobody in has no places, whatever was published.
        let left = joined.left.get(at).copied().flatten().filter(|_| facts.status.operates());
        if let Some(left) = left {
            put(out, format_args!(",\"left_today\":{left}"));
        }
        if let Some(told) = view.told {
            told.hit(out, answer, facts, hit, left);
        }
        out.push('}');
    }
    out.push(']');
}

fn place(out: &mut String, facts: &Facts, hit: &Hit, view: View, walk: Option<Walk>) {
    let Some(point) = facts.point else { return };
    let (lat, lng) = point.in_datum(view.datum);
    put(out, format_args!(",\"location\":{{\"lat\":{lat},\"lng\":{lng}}}"));
    if let Some(metres) = hit.distance_m() {
        let minutes = walk.map_or_else(|| view.profile.minutes(metres), |walk| walk.minutes);
        put(out, format_args!(",\"distance_m\":{metres:.0},\"walk_minutes\":{:.0}", minutes.ceil()));
    }
}

fn opening(out: &mut String, facts: &Facts, openings: &Openings) {
    let state = openings.state(facts);
    let word = match openings.is_open(facts) {
        Some(true) => "open",
        Some(false) => "closed",
        None => "unknown",
    };
    put(out, format_args!(",\"open\":{{\"state\":\"{word}\""));
    // While it takes nobody in, its hours change nothing.
    if let Some(at) = state.next_change.filter(|_| facts.status.operates()) {
        put(out, format_args!(",\"next_change\":\"{}\"", time::local(at).format("%Y-%m-%dT%H:%M:%S+08:00")));
    }
    if let Some(reason) = &state.reason {
        put(out, format_args!(",\"reason\":{}", serde_json::Value::from(reason.as_str())));
    }
    put(out, format_args!(",\"calendar_known\":{}}}", state.calendar_known));
}

fn walk_method(out: &mut String, profile: WalkProfile, walked: Option<&Walked>) {
    match walked {
        Some(walked) => {
            put(out, format_args!(",\"walk\":{{\"method\":\"{}\",\"profile\":\"{profile}\"}}", walked.method))
        }
        None => put(
            out,
            format_args!(
                ",\"walk\":{{\"method\":\"estimate\",\"factor\":{CIRCUITY},\"profile\":\"{profile}\"}}"
            ),
        ),
    }
}

fn facets(out: &mut String, facets: &Facets) {
    put(out, format_args!(",\"facets\":{{\"total\":{},\"open\":{}", facets.total, facets.open));
    counts(out, "category", &facets.categories);
    counts(out, "accessible", &facets.accessibility);
    counts(out, "fee_kind", &facets.fee_kinds);
    counts(out, "mode", &facets.modes);
    out.push('}');
}

fn counts<V: Vocabulary>(out: &mut String, name: &str, counts: &Counts<V>) {
    put(out, format_args!(",\"{name}\":["));
    for (at, (word, count)) in counts.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        put(out, format_args!("{comma}{{\"value\":\"{}\",\"count\":{count}}}", word.as_str()));
    }
    out.push(']');
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linli_domain::{calendar::Calendar, geo::Point};
    use linli_search::{
        Ask, Filter, Reach, SearchEngine, Sort, Weights,
        catalogue::FeedCursor,
        sample,
        text::{Analyzer, Lexicon},
    };
    use poem_openapi::types::{ParseFromJSON, ToJSON};

    use super::*;
    use crate::http::{
        problem::Language,
        v1::discovery::wire::{FacilityPage, Home},
    };

    fn engine() -> SearchEngine {
        SearchEngine::build(
            Arc::new(Analyzer::new(Lexicon::shipped())),
            Arc::new(Calendar::shipped()),
            uuid::Uuid::nil(),
            FeedCursor::default(),
            sample::city(200, 0.01),
            None,
        )
        .unwrap()
    }

    fn ask() -> Ask {
        let now = "2026-02-14T02:00:00Z".parse().unwrap();
        Ask {
            origin: Point::wgs84(sample::CENTRE.0, sample::CENTRE.1),
            reach: Some(Reach::Minutes(15.0)),
            profile: WalkProfile::Elder,
            filter: Filter::default(),
            then: None,
            sort: Sort::OpenFirst,
            weights: Weights::USUAL,
            facets: true,
            widen: false,
            after: None,
            reading: None,
            limit: 50,
            open_at: now,
            now,
        }
    }

    #[test]
    fn what_is_written_is_what_the_document_says() {
        let answer = engine().nearby(&ask());
        assert!(answer.hits.len() > 10);
        let view = View { datum: Datum::Gcj02, profile: WalkProfile::Elder, told: None };
        let written = page(&answer, view, Joined::default(), Some("abc"), true);
        let value: serde_json::Value = serde_json::from_str(&written).unwrap();
        let read = FacilityPage::parse_from_json(Some(value.clone()))
            .unwrap_or_else(|error| panic!("{}", error.into_message()));
        assert_eq!(read.to_json().unwrap(), value, "no member is missing from the document");
        assert_eq!(value["items"][0]["open"]["state"], "open");
        assert!(value["items"][0]["walk_minutes"].as_i64().unwrap() <= 15);

        let home: serde_json::Value =
            serde_json::from_str(&home(&[(Category::Sports, answer)], view, &[], &["notices"])).unwrap();
        let read = Home::parse_from_json(Some(home.clone()))
            .unwrap_or_else(|error| panic!("{}", error.into_message()));
        assert_eq!(read.to_json().unwrap(), home);
    }
    fn read(written: &str) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(written).unwrap();
        let read = FacilityPage::parse_from_json(Some(value.clone()))
            .unwrap_or_else(|error| panic!("{}", error.into_message()));
        assert_eq!(read.to_json().unwrap(), value, "no member is missing from the document");
        value
    }

    #[test]
    fn a_search_tells_what_was_understood_and_why_each_hit_is_there() {
        let engine = engine();
        let ask = Ask { reach: None, sort: Sort::Relevance, facets: false, ..ask() };
        let told = |question: &str, language, explain| {
            let answer = engine.search(question, &ask).unwrap();
            let told = Some(Telling { language, explain, at_present: true });
            let view = View { datum: Datum::Wgs84, profile: ask.profile, told };
            read(&page(&answer, view, Joined { walked: None, left: &[Some(3), Some(0), None] }, None, false))
        };
        let plain = told("现在开门的食堂", Language::Zh, false);
        assert_eq!(plain["understood"]["step"], "said");
        assert_eq!(
            plain["understood"]["wishes"],
            serde_json::json!([{ "wish": "open_now", "text": "现在营业" }])
        );
        assert!(plain["understood"].get("text").is_none() && plain["items"][0].get("score").is_none());
        let reason = |hit: usize| plain["items"][hit]["reason"].as_str().unwrap();
        assert!(reason(0).starts_with("距离") && reason(0).ends_with("·营业中·今日余3席"), "{plain}");
        assert!(reason(1).ends_with("·营业中·今日已满") && reason(2).ends_with("·营业中"), "{plain}");
        let left = |hit: usize| plain["items"][hit]["left_today"].as_u64();
        assert_eq!((left(0), left(1), left(2)), (Some(3), Some(0), None));

        let heard = told("食糖", Language::En, true);
        assert_eq!(
            (&heard["understood"]["step"], &heard["understood"]["read_as"]),
            (&"heard".into(), &"食堂".into())
        );
        assert_eq!(heard["understood"]["text"], "These are results for \u{201c}食堂\u{201d}.");
        let reason = heard["items"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(" away · ") && reason.ends_with(" · 3 places left today"), "{reason}");
        let score = &heard["items"][0]["score"];
        let part = |name: &str| score[name].as_f64().unwrap();
        assert!((part("total") - part("text") - part("walk") - part("open")).abs() < 0.002, "{score}");

        let nothing = told("火锅", Language::Zh, false);
        assert_eq!(nothing["items"], serde_json::json!([]));
        assert!(nothing["understood"]["text"].as_str().unwrap().starts_with("没有找到"), "{nothing}");
    }
}
