//! What filters ask of a facility, flat and small, and how it is shown.

use linli_domain::{
    facility::{AccessFeature, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::Point,
    ids::FacilityId,
    vocabulary::WordSet,
};

use crate::{
    distance::on_sphere,
    document::{CardJson, FacilityDocument},
};

/// What filters ask: copied with every new catalogue, read by every query.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Where it stands, if that is known.
    pub point: Option<Point>,
    /// The same on the unit sphere, so that no query computes it again.
    pub(crate) on_sphere: Option<[f64; 3]>,
    /// What it is for.
    pub categories: WordSet<Category>,
    /// How it can be reached and used.
    pub accessibility: WordSet<AccessFeature>,
    /// The fee kinds of its services.
    pub fee_kinds: WordSet<FeeKind>,
    /// Where its services are given.
    pub modes: WordSet<ServiceMode>,
    /// Whether it works.
    pub status: FacilityStatus,
    /// Its hours, as a place in the pool of schedules.
    pub(crate) schedule: u32,
}

impl Facts {
    pub(crate) fn new(document: &FacilityDocument, schedule: u32) -> Self {
        Self {
            point: document.point,
            on_sphere: document.point.map(on_sphere),
            categories: document.categories.iter().copied().collect(),
            accessibility: document.accessibility,
            fee_kinds: document.fee_kinds(),
            modes: document.modes(),
            status: document.status,
            schedule,
        }
    }
}

/// How a facility is shown.
#[derive(Debug)]
pub struct Card {
    /// The facility.
    pub id: FacilityId,
    /// The version shown.
    pub version: i64,
    /// The official name.
    pub name: Box<str>,
    json: Box<str>,
}

impl Card {
    pub(crate) fn new(document: &FacilityDocument) -> Self {
        let json =
            serde_json::to_string(&CardJson::from(document)).expect("a card holds no map and no number");
        Self::from_json(document.id, document.version, &document.name, json)
    }

    pub(crate) fn from_json(id: FacilityId, version: i64, name: &str, json: String) -> Self {
        Self { id, version, name: name.into(), json: json.into() }
    }

    /// The card as a JSON object.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The card as a JSON object without its closing brace: members may be added after a comma.
    pub fn open_json(&self) -> &str {
        self.json.strip_suffix('}').unwrap_or(&self.json)
    }
}
