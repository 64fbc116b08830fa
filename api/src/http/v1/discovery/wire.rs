//! What discovery answers, as the OpenAPI document shows it.
//!
//! The bytes are written by [`super::render`] straight from the catalogue; a test holds the two together.

use linli_domain::{
    facility::{AccessFeature, CarrierLevel, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::{Datum, WalkProfile},
};
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
