//! What discovery answers, as the OpenAPI document shows it.
//!
//! The bytes are written by [`super::render`] straight from the catalogue; a test holds the two together.

use linli_domain::{
    facility::{AccessFeature, CarrierLevel, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::{Datum, WalkProfile},
};
use linli_search::text::Step;
use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse, Enum, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use crate::http::word::Word;

/// A place in the datum of the question.
#[derive(Object)]

pub struct Position {
    lat: f64,
    lng: f64,
}

/// Whether one can go in.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub enum Door {
    /// Open.
    Open,
    /// Closed.
    Closed,
    /// Nobody wrote the hours down.
    Unknown,
}

/// Open or not at the time in question.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Opening {
    state: Door,
    /// When that changes, RFC 3339.
    next_change: Option<String>,
    /// Why the hours are not the usual ones.
    reason: Option<String>,
    /// `false` when the statutory calendar of a day that matters is not announced yet.
    calendar_known: bool,
}

/// One facility of an answer.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FacilityHit {
    id: String,
    name: String,
    short_name: Option<String>,
    /// The main category first.
    categories: Vec<Word<Category>>,
    /// The first few services.
    services: Vec<String>,
    fee_kinds: Vec<Word<FeeKind>>,
    modes: Vec<Word<ServiceMode>>,
    address: String,
    community: Option<String>,
    accessibility: Vec<Word<AccessFeature>>,
    carrier_level: Option<Word<CarrierLevel>>,
    status: Word<FacilityStatus>,
    phone: Option<String>,
    location: Option<Position>,
    /// As the crow flies, in metres.
    distance_m: Option<i32>,
    /// On foot, rounded up; see `walk` for how it was found.
    walk_minutes: Option<i32>,
    open: Opening,
    /// What residents can still book today in its rooms: free seats, and slots that a party has alone. At
    /// most a second old; left out where nothing can be booked any more, or it is not known.
    left_today: Option<i32>,
    /// Why it is shown, in words to print; not on the first screen.
    reason: Option<String>,
    /// Why it stands where it does; of a search with `explain`.
    score: Option<HitScore>,
}

/// The parts of a score, weighed, and their sum.
#[derive(Object)]
pub struct HitScore {
    total: f64,
    /// How well it is what was meant; more than any sum of the others when its name is the question.
    text: f64,
    /// How near it is on foot.
    walk: f64,
    /// Whether it is open.
    open: f64,
}

/// How far a question was read from what was said; each is tried only when those before found nothing.
#[derive(Enum, Clone, Copy)]
#[oai(rename = "ReadingStep", rename_all = "snake_case")]
pub enum StepWire {
    /// As it was said.
    Said,
    /// Letters taken for pinyin or initials.
    Spelt,
    /// Characters taken for others of the same sound.
    Heard,
    /// Without words that nobody knows.
    Known,
    /// Characters taken for others of a similar sound.
    HeardAlike,
    /// One character or letter taken for a slip.
    Slip,
    /// The thing, wherever it is.
    Anywhere,
    /// All wishes but one.
    Most,
}

impl StepWire {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Spelt => "spelt",
            Self::Heard => "heard",
            Self::Known => "known",
            Self::HeardAlike => "heard_alike",
            Self::Slip => "slip",
            Self::Anywhere => "anywhere",
            Self::Most => "most",
        }
    }
}

impl From<Step> for StepWire {
    fn from(step: Step) -> Self {
        match step {
            Step::Said => Self::Said,
            Step::Spelt => Self::Spelt,
            Step::Heard => Self::Heard,
            Step::Known => Self::Known,
            Step::HeardAlike => Self::HeardAlike,
            Step::Slip => Self::Slip,
            Step::Anywhere => Self::Anywhere,
            Step::Most => Self::Most,
        }
    }
}

/// A wish about how it should be that became a filter.
#[derive(Object)]
pub struct UnderstoodWish {
    /// `open_now`, `open_weekend`, `open_evening`, `open_all_night`, `free` or `nearest`.
    wish: String,
    /// The same in words to print.
    text: String,
}

/// What a question was taken for, so that the person can say no.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct UnderstoodQuestion {
    step: StepWire,
    /// What is looked for, as far as the vocabulary of the city knows it.
    words: Vec<String>,
    /// Divisions of the city that were named.
    places: Vec<String>,
    /// How it should be.
    wishes: Vec<UnderstoodWish>,
    /// The text that was read instead of the question.
    read_as: Option<String>,
    /// What was said but met by nothing, and is not looked for.
    let_go: Vec<String>,
    /// What was done to the question, or that nothing was found, in words to print.
    text: Option<String>,
}

/// How walking times were found.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WalkMethod {
    /// `estimate`, or the name of the router that was asked.
    method: String,
    /// Metres walked per metre as the crow flies; of the estimate.
    factor: Option<f64>,
    /// Who walks.
    profile: Word<WalkProfile>,
}

/// How many facilities one choice would leave.
#[derive(Object)]
pub struct FacetCount {
    value: String,
    count: i32,
}

/// Counts for other choices; each facet is counted without its own filter.
#[derive(Object)]
pub struct FacetCounts {
    /// How many pass every filter.
    total: i32,
    /// How many are open, whatever `open_now` says.
    open: i32,
    category: Vec<FacetCount>,
    accessible: Vec<FacetCount>,
    fee_kind: Vec<FacetCount>,
    mode: Vec<FacetCount>,
}

/// Facilities, in order.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FacilityPage {
    items: Vec<FacilityHit>,
    next_cursor: Option<String>,
    /// The datum of every place in this answer.
    coord: Word<Datum>,
    walk: WalkMethod,
    facets: Option<FacetCounts>,
    /// The radius that was needed, when nothing was within the one asked for.
    widened_to_m: Option<i32>,
    /// `true` when no facility met every word and some word was let go.
    relaxed: Option<bool>,
    /// What the question was taken for; of a search.
    understood: Option<UnderstoodQuestion>,
    /// What could only be answered in a lesser way: `search`, while the search server is away.
    degraded: Option<Vec<String>>,
}

/// Facilities of one category near the home.
#[derive(Object)]
pub struct HomeCategory {
    category: Word<Category>,
    /// How many are within the walk.
    count: i32,
    /// How many of those are open.
    open: i32,
    /// The nearest ones.
    items: Vec<FacilityHit>,
}

/// What the first screen shows.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Home {
    /// Big categories with what is near.
    categories: Vec<HomeCategory>,
    /// The datum of every place in this answer.
    coord: Word<Datum>,
    walk: WalkMethod,
    /// News of the facilities shown.
    notices: Vec<HomeNotice>,
    /// Parts that could not be answered just now.
    degraded: Vec<String>,
}

/// A notice on the first screen.
#[derive(Object)]
pub struct HomeNotice {
    facility_id: String,
    kind: String,
    title: String,
}

/// JSON that is written already and has the shape of `T`.
pub struct Written<T> {
    json: String,
    shape: std::marker::PhantomData<T>,
}

impl<T> Written<T> {
    pub(super) fn new(json: String) -> Self {
        Self { json, shape: std::marker::PhantomData }
    }
}

impl<T: Type> ApiResponse for Written<T> {
    fn meta() -> MetaResponses {
        let content =
            MetaMediaType { content_type: "application/json; charset=utf-8", schema: T::schema_ref() };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "",
                status: Some(200),
                status_range: None,
                content: vec![content],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/json; charset=utf-8").body(self.json)
    }
}
