//! Discovery: what is near, what is meant, how to go on typing, the first screen.

mod asked;
mod render;
mod told;
mod wire;

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Refusal,
    facility::{AccessFeature, Category, FeeKind, ServiceMode},
    geo::{Datum, WalkProfile},
    time,
};
use linli_search::{Answer, Ask, Filter, SuggestionKind};
use linli_store::storage::facilities::notice;
use poem::{http::HeaderMap, web::Data};
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json};

use super::Tag;
use crate::{
    App,
    app::{bookings::left_today, discovery::meili},
    clients::walking::Walked,
    http::{Problem, limits::ClientAddress, problem::Language, word::Word},
};
use asked::{Asked, Parameters, SortParameter};
use render::{Joined, View};
use told::Telling;
use wire::{FacilityPage, Home, Written};

/// Operations of discovery.
pub struct Discovery;

/// What a suggestion is.
#[derive(Enum)]
#[oai(rename = "SuggestionKind", rename_all = "snake_case")]
enum SuggestionKindWire {
    /// A field of service.
    Category,
    /// Something one gets.
    Service,
    /// A division of the city.
    Place,
    /// One facility.
    Facility,
}

/// One way to go on.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Suggestion {
    kind: SuggestionKindWire,
    /// What to show, and to search for.
    text: String,
    /// The category, if it is one.
    category: Option<Word<Category>>,
    /// The facility, if it is one.
    facility_id: Option<String>,
}

/// Suggestions, at most ten.
#[derive(Object)]
struct Suggestions {
    items: Vec<Suggestion>,
}

/// Longer questions are stories.
const MAX_QUESTION_CHARS: usize = 100;

/// What the first screen shows, in this order.
const BIG_CATEGORIES: [Category; 6] = [
    Category::CommunityDining,
    Category::ElderlyCare,
    Category::Childcare,
    Category::Health,
    Category::Sports,
    Category::Culture,
];
const HOME_ITEMS: usize = 3;
const HOME_NOTICES: usize = 5;

#[OpenApi(tag = "Tag::Discovery")]
#[expect(clippy::too_many_arguments, reason = "each query parameter is an argument of the operation")]
impl Discovery {
    /// Lists the facilities nearby
    ///
    /// Strictly within a radius or a walk (15 minutes when neither is given), without text.
    #[oai(path = "/facilities/nearby", method = "get", operation_id = "listFacilitiesNearby")]
    async fn nearby(
        &self,
        app: Data<&App>,
        headers: &HeaderMap,
        /// Latitude of where one stands; four decimals are enough.
        lat: Query<Option<f64>>,
        /// Longitude of where one stands.
        lng: Query<Option<f64>>,
        /// The coordinate system of every number sent and answered; required with a place.
        coord: Query<Option<Word<Datum>>>,
        /// Radius in metres, 1 to 50,000.
        radius_m: Query<Option<f64>>,
        /// Minutes on foot, 1 to 120.
        within_minutes: Query<Option<f64>>,
        /// Who walks.
        profile: Query<Option<Word<WalkProfile>>>,
        /// Any of these; repeat the parameter.
        category: Query<Option<Vec<Word<Category>>>>,
        /// Only what is open now.
        open_now: Query<Option<bool>>,
        /// Only what is open then, RFC 3339.
        open_at: Query<Option<DateTime<FixedOffset>>>,
        /// All of these; repeat the parameter.
        accessible: Query<Option<Vec<Word<AccessFeature>>>>,
        /// Any of these; repeat the parameter.
        fee_kind: Query<Option<Vec<Word<FeeKind>>>>,
        /// Any of these; repeat the parameter.
        mode: Query<Option<Vec<Word<ServiceMode>>>>,
        /// Only inside `south,west,north,east`.
        bbox: Query<Option<String>>,
        /// Look further when nothing is there; `widened_to_m` says how far.
        widen: Query<Option<bool>>,
        /// Count facets.
        facets: Query<Option<bool>>,
        /// In which order.
        sort: Query<Option<SortParameter>>,
        /// Where the page begins.
        cursor: Query<Option<String>>,
        /// Items on a page, 1 to 100.
        limit: Query<Option<u32>>,
    ) -> Result<Written<FacilityPage>, Problem> {
        let parameters = Parameters {
            lat: lat.0,
            lng: lng.0,
            coord: coord.0,
            radius_m: radius_m.0,
            within_minutes: within_minutes.0,
            profile: profile.0,
            category: category.0,
            open_now: open_now.0,
            open_at: open_at.0,
            accessible: accessible.0,
            fee_kind: fee_kind.0,
            mode: mode.0,
            bbox: bbox.0,
            widen: widen.0,
            facets: facets.0,
            sort: sort.0,
            cursor: cursor.0,
            limit: limit.0,
        };
        let asked = parameters.nearby(&app)?;
        let answer = app.discovery.engine()?.nearby(&asked.ask);
        let told = Telling { language: Language::of(headers), explain: false, at_present: asked.at_present };
        Ok(page(&app, &asked, answer, told, false).await)
    }

    /// Searches facilities by words
    ///
    /// Characters, traditional or simplified, pinyin, initials or a spoken question. Every filter
    /// of nearby applies; without a radius the whole city is searched.
    #[oai(path = "/facilities/search", method = "get", operation_id = "searchFacilities")]
    async fn search(
        &self,
        app: Data<&App>,
        headers: &HeaderMap,
        address: Data<&ClientAddress>,
        /// The question, at most 100 characters.
        q: Query<String>,
        /// Latitude of where one stands; four decimals are enough.
        lat: Query<Option<f64>>,
        /// Longitude of where one stands.
        lng: Query<Option<f64>>,
        /// The coordinate system of every number sent and answered; required with a place.
        coord: Query<Option<Word<Datum>>>,
        /// Radius in metres, 1 to 50,000.
        radius_m: Query<Option<f64>>,
        /// Minutes on foot, 1 to 120.
        within_minutes: Query<Option<f64>>,
        /// Who walks.
        profile: Query<Option<Word<WalkProfile>>>,
        /// Any of these; repeat the parameter.
        category: Query<Option<Vec<Word<Category>>>>,
        /// Only what is open now.
        open_now: Query<Option<bool>>,
        /// Only what is open then, RFC 3339.
        open_at: Query<Option<DateTime<FixedOffset>>>,
        /// All of these; repeat the parameter.
        accessible: Query<Option<Vec<Word<AccessFeature>>>>,
        /// Any of these; repeat the parameter.
        fee_kind: Query<Option<Vec<Word<FeeKind>>>>,
        /// Any of these; repeat the parameter.
        mode: Query<Option<Vec<Word<ServiceMode>>>>,
        /// Only inside `south,west,north,east`.
        bbox: Query<Option<String>>,
        /// Look further when nothing is there; `widened_to_m` says how far.
        widen: Query<Option<bool>>,
        /// Count facets.
        facets: Query<Option<bool>>,
        /// In which order.
        sort: Query<Option<SortParameter>>,
        /// Where the page begins.
        cursor: Query<Option<String>>,
        /// Items on a page, 1 to 100.
        limit: Query<Option<u32>>,
        /// Say how the parts of each score were weighed.
        explain: Query<Option<bool>>,
    ) -> Result<Written<FacilityPage>, Problem> {
        let question = question(&q.0)?;
        let parameters = Parameters {
            lat: lat.0,
            lng: lng.0,
            coord: coord.0,
            radius_m: radius_m.0,
            within_minutes: within_minutes.0,
            profile: profile.0,
            category: category.0,
            open_now: open_now.0,
            open_at: open_at.0,
            accessible: accessible.0,
            fee_kind: fee_kind.0,
            mode: mode.0,
            bbox: bbox.0,
            widen: widen.0,
            facets: facets.0,
            sort: sort.0,
            cursor: cursor.0,
            limit: limit.0,
        };
        let asked = parameters.search(&app, question)?;
        let engine = app.discovery.engine()?;
        let (answer, degraded) = meili::search(&app, engine, question, &asked.ask).await?;
        app.demand.note(engine, &asked.ask, &answer, address.0.0);
        let told = Telling {
            language: Language::of(headers),
            explain: explain.0 == Some(true),
            at_present: asked.at_present,
        };
        Ok(page(&app, &asked, answer, told, degraded).await)
    }

    /// Suggests how to go on typing
    ///
    /// At most ten, typed: categories, services, places, facilities (the nearest first with a place).
    #[oai(path = "/facilities/suggest", method = "get", operation_id = "suggestFacilities")]
    async fn suggest(
        &self,
        app: Data<&App>,
        /// What was typed so far, at most 100 characters.
        q: Query<String>,
        /// Latitude of where one stands.
        lat: Query<Option<f64>>,
        /// Longitude of where one stands.
        lng: Query<Option<f64>>,
        /// The coordinate system of the place; required with one.
        coord: Query<Option<Word<Datum>>>,
    ) -> Result<Json<Suggestions>, Problem> {
        let typed = question(&q.0)?;
        let parameters = Parameters { lat: lat.0, lng: lng.0, coord: coord.0, ..Parameters::default() };
        let asked = parameters.search(&app, typed)?;
        let found = app
            .discovery
            .engine()?
            .suggest(typed, &asked.ask)
            .map_err(|error| linli_store::Error::internal("suggesting", error))?;
        Ok(Json(Suggestions { items: found.into_iter().map(Suggestion::from).collect() }))
    }

    /// Answers the first screen in one call
    ///
    /// The big categories with what is within a quarter of an hour, open or not, and news of what is
    /// shown. A part that cannot be answered is named in `degraded` and left empty.
    #[oai(path = "/home", method = "get", operation_id = "getHome")]
    async fn home(
        &self,
        app: Data<&App>,
        /// Latitude of where one stands.
        lat: Query<f64>,
        /// Longitude of where one stands.
        lng: Query<f64>,
        /// The coordinate system of the place; required.
        coord: Query<Option<Word<Datum>>>,
        /// Who walks.
        profile: Query<Option<Word<WalkProfile>>>,
    ) -> Result<Written<Home>, Problem> {
        let parameters = Parameters {
            lat: Some(lat.0),
            lng: Some(lng.0),
            coord: coord.0,
            profile: profile.0,
            facets: Some(true),
            ..Parameters::default()
        };
        let asked = parameters.nearby(&app)?;
        let engine = app.discovery.engine()?;
        let categories = BIG_CATEGORIES.map(|category| {
            let filter = Filter { categories: [category].into_iter().collect(), ..Filter::default() };
            (category, engine.nearby(&Ask { filter, limit: HOME_ITEMS, ..asked.ask.clone() }))
        });
        let mut degraded = Vec::new();
        let notices = notices(&app, &categories).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "the first screen goes without notices");
            degraded.push("notices");
            Vec::new()
        });
        let view = View { datum: asked.datum, profile: asked.ask.profile, told: None };
        Ok(Written::new(render::home(&categories, view, &notices, &degraded)))
    }
}

async fn page(
    app: &App,
    asked: &Asked,
    answer: Answer,
    told: Telling,
    degraded: bool,
) -> Written<FacilityPage> {
    let answer = Answer { widened_to_m: answer.widened_to_m.or(asked.widened_to_m), ..answer };
    let cursor = answer.next.map(|place| asked.cursor(app, place, &answer));
    let view = View { datum: asked.datum, profile: asked.ask.profile, told: Some(told) };
    let ids: Vec<_> = answer.hits.iter().map(|hit| hit.place.id).collect();
    let (walked, left) = tokio::join!(walked(app, asked, &answer), left_today(app, &ids));
    let joined = Joined { walked: walked.as_ref(), left: &left };
    Written::new(render::page(&answer, view, joined, cursor.as_deref(), degraded))
}

/// Real walks to the hits of the page, where a router is configured and answers in time.
async fn walked(app: &App, asked: &Asked, answer: &Answer) -> Option<Walked> {
    let router = app.walking.as_ref()?;
    let points = answer.hits.iter().map(|hit| answer.snapshot.facts(hit.slot)?.point);
    router.walk(asked.ask.origin?, &points.collect::<Vec<_>>(), asked.ask.profile).await
}

/// The newest notices of the facilities on the first screen.
async fn notices(app: &App, categories: &[(Category, Answer)]) -> Result<Vec<notice::Model>, sea_orm::DbErr> {
    let hits = categories.iter().flat_map(|(_, answer)| &answer.hits);
    let ids: Vec<_> = hits.map(|hit| hit.place.id).collect();
    let today = time::local_date(app.env.now());
    notice::current_of_any(app.db.read(), &ids, today, HOME_NOTICES as u64).await
}

fn question(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    let length = text.chars().count();
    let says_something = text.chars().any(char::is_alphanumeric);
    if (1..=MAX_QUESTION_CHARS).contains(&length) && says_something {
        return Ok(text);
    }
    Err(Refusal::field("q", "length", "请输入1至100个字", "Ask with 1 to 100 characters."))
}

impl From<linli_search::Suggestion> for Suggestion {
    fn from(suggestion: linli_search::Suggestion) -> Self {
        Self {
            kind: match suggestion.kind {
                SuggestionKind::Category => SuggestionKindWire::Category,
                SuggestionKind::Service => SuggestionKindWire::Service,
                SuggestionKind::Place => SuggestionKindWire::Place,
                SuggestionKind::Facility => SuggestionKindWire::Facility,
            },
            text: suggestion.text,
            category: suggestion.category.map(Word),
            facility_id: suggestion.facility.map(|id| id.to_string()),
        }
    }
}
