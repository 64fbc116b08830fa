//! What the public may know of a facility, as one document.
//!
//! Invariant: public data only. No name, phone or address of a resident or a
//! staff member ever enters a document; the facility's own public phone does.

use std::sync::Arc;

use linli_domain::{
    facility::{AccessFeature, CarrierLevel, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::Point,
    hours::Schedule,
    ids::FacilityId,
    vocabulary::WordSet,
};
use serde::Serialize;

/// One facility, as discovery knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FacilityDocument {
    /// The facility.
    pub id: FacilityId,
    /// Grows with every edit; a lower version never replaces a higher one.
    pub version: i64,
    /// The official name.
    pub name: String,
    /// The name on the sign, when it is shorter.
    pub short_name: Option<String>,
    /// What people call it besides.
    pub aliases: Vec<String>,
    /// What it is for, the main category first.
    pub categories: Vec<Category>,
    /// What it offers.
    pub services: Vec<ServiceDocument>,
    /// Where it stands; one whose place is unknown is found by text only.
    pub point: Option<Point>,
    /// The postal address.
    pub address: String,
    /// Names of its divisions, the widest first: district, street, community.
    pub divisions: Vec<String>,
    /// How it can be reached and used.
    pub accessibility: WordSet<AccessFeature>,
    /// Which circle of life it serves.
    pub carrier_level: Option<CarrierLevel>,
    /// Whether it works.
    pub status: FacilityStatus,
    /// When it is open. Many facilities share one schedule.
    pub schedule: Arc<Schedule>,
    /// Its public phone number.
    pub phone: Option<String>,
}

/// One service of a facility.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceDocument {
    /// Its name.
    pub name: String,
    /// Which field it belongs to.
    pub category: Category,
    /// What it costs in principle.
    pub fee: FeeKind,
    /// Where it is given.
    pub modes: WordSet<ServiceMode>,
}

/// The part of a hit that does not depend on who asks: serialised once, sent a million times.
///
/// What does depend (place in the caller's datum, distance, minutes, open or not)
/// is written round it, see [`crate::catalogue::Card::open_json`].
#[derive(Serialize)]
pub(crate) struct CardJson<'a> {
    id: FacilityId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_name: Option<&'a str>,
    categories: &'a [Category],
    services: Vec<&'a str>,
    fee_kinds: WordSet<FeeKind>,
    modes: WordSet<ServiceMode>,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    community: Option<&'a str>,
    accessibility: WordSet<AccessFeature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier_level: Option<CarrierLevel>,
    status: FacilityStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
}

/// A card names this many services; the facility's own page has them all.
const CARD_SERVICES: usize = 5;

impl<'a> From<&'a FacilityDocument> for CardJson<'a> {
    fn from(document: &'a FacilityDocument) -> Self {
        Self {
            id: document.id,
            name: &document.name,
            short_name: document.short_name.as_deref(),
            categories: &document.categories,
            services: document.services.iter().take(CARD_SERVICES).map(|s| s.name.as_str()).collect(),
            fee_kinds: document.fee_kinds(),
            modes: document.modes(),
            address: &document.address,
            community: document.divisions.get(2).map(String::as_str),
            accessibility: document.accessibility,
            carrier_level: document.carrier_level,
            status: document.status,
            phone: document.phone.as_deref(),
        }
    }
}

impl FacilityDocument {
    /// The fee kinds of all its services.
    pub fn fee_kinds(&self) -> WordSet<FeeKind> {
        self.services.iter().map(|service| service.fee).collect()
    }

    /// The modes of all its services.
    pub fn modes(&self) -> WordSet<ServiceMode> {
        self.services.iter().flat_map(|service| service.modes.iter()).collect()
    }

    /// The official name, the one on the sign, and what people say.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let official = std::iter::once(self.name.as_str());
        official.chain(self.short_name.as_deref()).chain(self.aliases.iter().map(String::as_str))
    }
}
