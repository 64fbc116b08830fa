//! The query parameters of discovery, parsed once into a question.

use chrono::{DateTime, Days, FixedOffset, Utc};
use linli_domain::{
    Code, FieldErrors, Refusal,
    facility::{AccessFeature, Category, FeeKind, ServiceMode},
    geo::{Bounds, Datum, Point, WalkProfile},
    vocabulary::{Vocabulary, WordSet},
};
use linli_search::{Answer, Ask, Filter, Place, Reach, Reading, Sort, Weights};
use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    http::{
        paging::{self, DEFAULT_LIMIT, MAX_LIMIT},
        word::Word,
    },
};

/// In which order hits come.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[oai(rename_all = "snake_case", rename = "DiscoverySort")]
#[serde(rename_all = "snake_case")]
pub enum SortParameter {
    /// What was meant, what is near and what is open, weighed together; search only.
    Relevance,
    /// The nearest first.
    Distance,
    /// The shortest walk first.
    WalkingTime,
    /// What is open first, then the nearest.
    OpenFirst,
}

/// The parameters as they came.
#[derive(Default)]
pub struct Parameters {
    pub lat: Option<f64>,
    pub lng: Option<f64>,
    pub coord: Option<Word<Datum>>,
    pub radius_m: Option<f64>,
    pub within_minutes: Option<f64>,
    pub profile: Option<Word<WalkProfile>>,
    pub category: Option<Vec<Word<Category>>>,
    pub open_now: Option<bool>,
    pub open_at: Option<DateTime<FixedOffset>>,
    pub accessible: Option<Vec<Word<AccessFeature>>>,
    pub fee_kind: Option<Vec<Word<FeeKind>>>,
    pub mode: Option<Vec<Word<ServiceMode>>>,
    pub bbox: Option<String>,
    pub widen: Option<bool>,
    pub facets: Option<bool>,
    pub sort: Option<SortParameter>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// A question, and what its answer must know of it.
pub struct Asked {
    /// The question.
    pub ask: Ask,
    /// In which datum places are answered.
    pub datum: Datum,
    /// The radius of a list that an earlier page widened.
    pub widened_to_m: Option<f64>,
    /// Whether "open" is about the present and not a time that was given.
    pub at_present: bool,
    shape: Shape,
}

/// What a cursor is bound to: everything that shapes the list.
#[derive(Serialize)]
struct Shape {
    list: &'static str,
    question: Option<String>,
    origin: Option<(f64, f64)>,
    reach_m: Option<f64>,
    categories: Vec<&'static str>,
    accessible: Vec<&'static str>,
    fee_kinds: Vec<&'static str>,
    modes: Vec<&'static str>,
    open: bool,
    open_at: Option<DateTime<FixedOffset>>,
    bounds: Option<(f64, f64, f64, f64)>,
    sort: SortParameter,
}

/// What a cursor holds: where the page ended and which minute "open" was about.
#[derive(Serialize, Deserialize)]
struct Position {
    place: Place,
    open_at: DateTime<Utc>,
    /// The radius of the list, where the one asked for had to be widened.
    widened_to_m: Option<f64>,
    /// How the question was read, of a search.
    reading: Option<Reading>,
}

const MAX_RADIUS_M: f64 = 50_000.0;
const MAX_MINUTES: f64 = 120.0;
/// What people mean by "near": a quarter of an hour on foot.
const DEFAULT_MINUTES: f64 = 15.0;
/// Hours are known for weeks, not for years.
const OPEN_AT_DAYS: u64 = 366;

impl Parameters {
    /// Reads the question for nearby, which needs a place to be near to.
    pub fn nearby(self, app: &App) -> Result<Asked, Refusal> {
        self.parse(app, "nearby", None)
    }

    /// Reads the question for search.
    pub fn search(self, app: &App, question: &str) -> Result<Asked, Refusal> {
        self.parse(app, "search", Some(question))
    }

    fn parse(self, app: &App, list: &'static str, question: Option<&str>) -> Result<Asked, Refusal> {
        let now = app.env.now();
        let datum = self.coord.map(|word| word.0);
        let origin = self.origin(datum)?;
        let bounds = self.bounds(datum)?;
        let by_text = question.is_some();
        self.check(now, by_text, origin.is_some())?;
        let reach = match (self.radius_m, self.within_minutes) {
            (Some(metres), _) => Some(Reach::Radius(metres)),
            (None, Some(minutes)) => Some(Reach::Minutes(minutes)),
            (None, None) => (!by_text).then_some(Reach::Minutes(DEFAULT_MINUTES)),
        };
        let profile = self.profile.map_or(WalkProfile::Adult, |word| word.0);
        let sort =
            self.sort.unwrap_or(if by_text { SortParameter::Relevance } else { SortParameter::Distance });
        let filter = Filter {
            categories: set(self.category.as_deref()),
            accessibility: set(self.accessible.as_deref()),
            fee_kinds: set(self.fee_kind.as_deref()),
            modes: set(self.mode.as_deref()),
            open: self.open_now == Some(true) || self.open_at.is_some(),
            bounds,
        };
        let shape = Shape {
            list,
            question: question.map(str::to_owned),
            origin: origin.map(|point| (point.lat(), point.lng())),
            reach_m: reach.map(|reach| reach.radius_m(profile)),
            categories: names(filter.categories),
            accessible: names(filter.accessibility),
            fee_kinds: names(filter.fee_kinds),
            modes: names(filter.modes),
            open: filter.open,
            open_at: self.open_at,
            bounds: bounds.map(|b| (b.south, b.west, b.north, b.east)),
            sort,
        };
        let position: Option<Position> =
            self.cursor.as_deref().map(|cursor| paging::open(app, &shape, cursor)).transpose()?;
        // A later page asks about the minute of the first, or what closed meanwhile would be seen twice.
        let open_at = position
            .as_ref()
            .map(|position| position.open_at)
            .or(self.open_at.map(|at| at.to_utc()))
            .unwrap_or(now);
        let widened_to_m = position.as_ref().and_then(|position| position.widened_to_m);
        let ask = Ask {
            origin,
            reach: widened_to_m.map(Reach::Radius).or(reach),
            profile,
            filter,
            then: None,
            sort: sort.into(),
            weights: Weights::USUAL,
            facets: self.facets == Some(true),
            widen: self.widen == Some(true),
            reading: position.as_ref().and_then(|position| position.reading),
            after: position.map(|position| position.place),
            limit: usize::try_from(self.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(1),
            open_at,
            now,
        };
        let at_present = self.open_at.is_none();
        Ok(Asked { ask, datum: datum.unwrap_or(Datum::Wgs84), widened_to_m, at_present, shape })
    }

    fn origin(&self, datum: Option<Datum>) -> Result<Option<Point>, Refusal> {
        match (self.lat, self.lng) {
            (None, None) => Ok(None),
            (Some(lat), Some(lng)) => {
                let datum = datum.ok_or_else(|| Refusal::new(Code::DatumRequired))?;
                Point::of_resident(lat, lng, datum).map(Some)
            }
            (lat, _) => {
                let missing = if lat.is_none() { "lat" } else { "lng" };
                Err(Refusal::field(
                    missing,
                    "required",
                    "经纬度须同时给出",
                    "Give both latitude and longitude.",
                ))
            }
        }
    }

    /// `south,west,north,east`, in the datum of the question.
    fn bounds(&self, datum: Option<Datum>) -> Result<Option<Bounds>, Refusal> {
        let Some(text) = &self.bbox else { return Ok(None) };
        let datum = datum.ok_or_else(|| Refusal::new(Code::DatumRequired))?;
        let invalid = || {
            Refusal::field(
                "bbox",
                "invalid",
                "范围应为 南,西,北,东 四个数字",
                "Write the box as south,west,north,east.",
            )
        };
        let edges: Vec<f64> = text.split(',').map_while(|edge| edge.trim().parse().ok()).collect();
        let &[south, west, north, east] = edges.as_slice() else { return Err(invalid()) };
        if text.split(',').count() != 4 || south > north || west > east {
            return Err(invalid());
        }
        let (low, high) = (Point::parse(south, west, datum)?, Point::parse(north, east, datum)?);
        Ok(Some(Bounds { south: low.lat(), west: low.lng(), north: high.lat(), east: high.lng() }))
    }

    fn check(&self, now: DateTime<Utc>, by_text: bool, placed: bool) -> Result<(), Refusal> {
        let mut errors = FieldErrors::new();
        let within = |value: Option<f64>, most: f64| value.is_none_or(|value| (1.0..=most).contains(&value));
        errors.require(
            within(self.radius_m, MAX_RADIUS_M),
            "radius_m",
            "out_of_range",
            "半径应为1至50000米",
            "The radius is 1 to 50,000 metres.",
        );
        errors.require(
            within(self.within_minutes, MAX_MINUTES),
            "within_minutes",
            "out_of_range",
            "步行时间应为1至120分钟",
            "The walk is 1 to 120 minutes.",
        );
        errors.require(
            self.radius_m.is_none() || self.within_minutes.is_none(),
            "within_minutes",
            "conflict",
            "半径与步行时间只能给出一个",
            "Give a radius or minutes, not both.",
        );
        errors.require(placed || by_text, "lat", "required", "请提供所在位置", "Say where you are.");
        let needs_place = self.radius_m.is_some() || self.within_minutes.is_some();
        errors.require(
            placed || !needs_place,
            "lat",
            "required",
            "按距离查找须提供所在位置",
            "A distance needs a place to start from.",
        );
        errors.require(
            by_text || self.sort != Some(SortParameter::Relevance),
            "sort",
            "invalid",
            "没有搜索词时不能按相关度排序",
            "Relevance needs words to be relevant to.",
        );
        errors.require(
            self.open_now != Some(true) || self.open_at.is_none(),
            "open_at",
            "conflict",
            "“正在营业”与指定时间只能选一个",
            "Ask for now or for a time, not both.",
        );
        let near_in_time = |at: DateTime<FixedOffset>| {
            let (from, to) = (
                now.checked_sub_days(Days::new(OPEN_AT_DAYS)),
                now.checked_add_days(Days::new(OPEN_AT_DAYS)),
            );
            from.zip(to).is_some_and(|(from, to)| (from..=to).contains(&at.to_utc()))
        };
        errors.require(
            self.open_at.is_none_or(near_in_time),
            "open_at",
            "out_of_range",
            "时间应在一年之内",
            "The time is within a year from now.",
        );
        errors.require(
            self.limit.is_none_or(|limit| (1..=MAX_LIMIT).contains(&limit)),
            "limit",
            "out_of_range",
            "每页1至100条",
            "A page has 1 to 100 items.",
        );
        errors.finish()
    }
}

impl Asked {
    /// The cursor of the page after the one that ended at `place`.
    pub fn cursor(&self, app: &App, place: Place, answer: &Answer) -> String {
        let Answer { widened_to_m, reading, .. } = *answer;
        let reading = answer.understood.is_some().then_some(reading);
        paging::seal(app, &self.shape, Position { place, open_at: self.ask.open_at, widened_to_m, reading })
    }
}

impl From<SortParameter> for Sort {
    fn from(sort: SortParameter) -> Self {
        match sort {
            SortParameter::Relevance => Self::Relevance,
            SortParameter::Distance => Self::Distance,
            SortParameter::WalkingTime => Self::WalkingTime,
            SortParameter::OpenFirst => Self::OpenFirst,
        }
    }
}

fn set<V: Vocabulary>(words: Option<&[Word<V>]>) -> WordSet<V> {
    words.unwrap_or_default().iter().map(|word| word.0).collect()
}

fn names<V: Vocabulary>(set: WordSet<V>) -> Vec<&'static str> {
    set.iter().map(Vocabulary::as_str).collect()
}
