//! The words clients show: one list, so that no client keeps its own.

use linli_domain::{
    Vocabulary,
    bookings::{
        Approval, Channel, LateCancel,
        message::BookingChange,
        quota::{QuotaMeasure, QuotaOver, QuotaSubject},
        series::SeriesMode,
    },
    calendar::DayKind,
    facility::{
        AccessFeature, BuildKind, CarrierLevel, Category, FacilityStatus, FeeKind, Language, NoticeKind,
        OperationMode, Pricing, ReportKind, ReportState, ServiceMode,
    },
    geo::WalkProfile,
    inventory::Period,
    rooms::bands::{BandMode, RoomFunction},
};
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};

use super::Tag;
use crate::http::Problem;

/// Reading vocabularies.
pub struct Words;

/// A word with its labels.
#[derive(Debug, Object)]
pub struct LabelledWord {
    /// The stable name.
    name: String,
    /// 中文
    zh: String,
    /// English
    en: String,
}

/// A closed list of words.
#[derive(Debug, Object)]
pub struct WordList {
    /// Its name, as in this document's schemas.
    name: String,
    /// Its words, in the order they are shown.
    words: Vec<LabelledWord>,
}

/// Categories of facilities.
#[derive(Debug, Object)]
pub struct Categories {
    /// In the order they are shown.
    items: Vec<LabelledWord>,
}

/// Vocabularies by name.
#[derive(Debug, Object)]
pub struct Vocabularies {
    /// Every list a client shows.
    items: Vec<WordList>,
}

/// Changes with a release at the most.
#[derive(ApiResponse)]
pub enum Cached<T: poem_openapi::types::ToJSON + Send> {
    /// The words.
    #[oai(status = 200)]
    Found(Json<T>, #[oai(header = "Cache-Control")] String),
}

fn cached<T: poem_openapi::types::ToJSON + Send>(body: T) -> Cached<T> {
    Cached::Found(Json(body), "public, max-age=3600".to_owned())
}

fn labelled<V: Vocabulary>() -> Vec<LabelledWord> {
    let label =
        |word: &V| LabelledWord { name: word.as_str().into(), zh: word.zh().into(), en: word.en().into() };
    V::ALL.iter().map(label).collect()
}

fn list<V: Vocabulary>() -> WordList {
    WordList { name: V::NAME.to_owned(), words: labelled::<V>() }
}

#[OpenApi(tag = "Tag::Facilities")]
impl Words {
    /// Lists the categories of facilities
    #[oai(path = "/categories", method = "get", operation_id = "listCategories")]
    async fn categories(&self) -> Result<Cached<Categories>, Problem> {
        Ok(cached(Categories { items: labelled::<Category>() }))
    }

    /// Lists every vocabulary
    #[oai(path = "/vocabularies", method = "get", operation_id = "listVocabularies")]
    async fn vocabularies(&self) -> Result<Cached<Vocabularies>, Problem> {
        let items = vec![
            list::<Category>(),
            list::<FeeKind>(),
            list::<Pricing>(),
            list::<ServiceMode>(),
            list::<AccessFeature>(),
            list::<BuildKind>(),
            list::<CarrierLevel>(),
            list::<OperationMode>(),
            list::<Language>(),
            list::<FacilityStatus>(),
            list::<NoticeKind>(),
            list::<ReportKind>(),
            list::<ReportState>(),
            list::<DayKind>(),
            list::<WalkProfile>(),
            list::<Channel>(),
            list::<Approval>(),
            list::<LateCancel>(),
            list::<BookingChange>(),
            list::<QuotaSubject>(),
            list::<QuotaOver>(),
            list::<QuotaMeasure>(),
            list::<Period>(),
            list::<SeriesMode>(),
            list::<RoomFunction>(),
            list::<BandMode>(),
        ];
        Ok(cached(Vocabularies { items }))
    }
}
