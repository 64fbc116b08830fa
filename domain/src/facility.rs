//! A facility 设施: everything a resident asks before walking there.
//!
//! [`FacilityData`] is what staff or an import say; [`Facility`] is the same after
//! every rule accepted it. Storage takes only the latter, so a row that breaks a
//! rule cannot be written. The status is apart: it moves along its own table.

mod check;
mod notice;
mod phone;
mod report;
mod status;
mod words;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

pub use notice::{Notice, NoticeKind};
pub use phone::ServicePhone;
pub use report::{ReportDraft, ReportKind, ReportState};
pub use status::FacilityStatus;
pub use words::{
    AccessFeature, BuildKind, CarrierLevel, Category, FeeKind, Language, OperationMode, Pricing, ServiceMode,
};

use crate::{
    Refusal,
    geo::{Datum, Point},
    hours::Schedule,
    vocabulary::WordSet,
};

/// What is said about a facility, in version 1 of the form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FacilityData {
    /// Version of this form of data; 1.
    pub version: u8,
    /// Official name.
    pub name: String,
    /// The name on the door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_name: Option<String>,
    /// What people call it besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it is, in a few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Fields of service; the first is the main one.
    pub categories: Vec<Category>,
    /// What one gets there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Street address as people read it.
    pub address: String,
    /// Statistical code of the community or street, 12 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Public service numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<ServicePhone>,
    /// When it is open; empty when unknown.
    #[serde(default, skip_serializing_if = "Schedule::is_empty")]
    pub hours: Schedule,
    /// Who can get in and about.
    #[serde(default)]
    pub accessibility: Accessibility,
    /// Languages spoken at the counter.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub languages: WordSet<Language>,
    /// Floor area in square metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_m2: Option<f64>,
    /// How it was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_kind: Option<BuildKind>,
    /// Which level of the neighbourhood it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_level: Option<CarrierLevel>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// On what terms it is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_mode: Option<OperationMode>,
    /// Its licences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licences: Vec<Licence>,
    /// When somebody last checked all this on the spot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<DateTime<Utc>>,
    /// The same facility in other systems, for instance a project register.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ExternalId>,
}

impl FacilityData {
    /// The least that can be said; for builders and tests.
    pub fn new(name: &str, category: Category, address: &str) -> Self {
        Self {
            version: 1,
            name: name.to_owned(),
            short_name: None,
            aliases: Vec::new(),
            summary: None,
            categories: vec![category],
            services: Vec::new(),
            address: address.to_owned(),
            division: None,
            location: None,
            phones: Vec::new(),
            hours: Schedule::default(),
            accessibility: Accessibility::default(),
            languages: WordSet::EMPTY,
            area_m2: None,
            build_kind: None,
            carrier_level: None,
            operator: None,
            operation_mode: None,
            licences: Vec::new(),
            verified_at: None,
            external_ids: Vec::new(),
        }
    }
}

/// Something one gets at a facility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// What it is called.
    pub name: String,
    /// The field it belongs to.
    pub category: Category,
    /// What it costs in principle.
    pub fee: FeeKind,
    /// Who sets the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
    /// Where it is given.
    pub modes: WordSet<ServiceMode>,
    /// The price list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
}

/// A line of a price list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What is priced.
    pub item: String,
    /// The price in fen.
    pub amount_fen: i64,
    /// Per what, for instance 小时 or 人次.
    pub unit: String,
}

/// A point, and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The point, WGS-84.
    pub point: Point,
    /// The datum it was given in.
    pub source_datum: Datum,
    /// Radius of doubt in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<u32>,
}

/// What is there for people who need it, and what is known not to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accessibility {
    /// Features that are there.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub present: WordSet<AccessFeature>,
    /// Features known to be missing: someone in a wheelchair must not have to guess.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub absent: WordSet<AccessFeature>,
    /// What the words do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A licence with its validity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Which licence, for instance 食品经营许可证.
    pub kind: String,
    /// Its number.
    pub number: String,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// First day of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<NaiveDate>,
    /// Last day of validity; none for a licence without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<NaiveDate>,
}

/// The facility's id in another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalId {
    /// The system.
    pub system: String,
    /// The id there.
    pub id: String,
}

/// Facility data that every rule accepted, with white space trimmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Facility(FacilityData);

impl Facility {
    /// Accepts the data, or names every field that is wrong.
    pub fn new(data: FacilityData, now: DateTime<Utc>) -> Result<Self, Refusal> {
        check::accept(data, now).map(Self)
    }

    /// Takes back what was accepted before it was stored.
    pub fn from_stored(data: FacilityData) -> Self {
        Self(data)
    }

    /// The data.
    pub fn data(&self) -> &FacilityData {
        &self.0
    }

    /// The data, to be changed and accepted anew.
    pub fn into_data(self) -> FacilityData {
        self.0
    }

    /// The day on which the first of its licences runs out.
    pub fn licence_expires_on(&self) -> Option<NaiveDate> {
        self.0.licences.iter().filter_map(|licence| licence.valid_to).min()
    }

    /// Names of the fields that differ, as the history shows them; never their contents.
    pub fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        check::changed_fields(&before.0, &self.0)
    }
}

#[cfg(test)]
mod tests;
