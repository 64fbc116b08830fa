//! From a stored facility to what discovery may know of it.

use std::sync::Arc;

use chrono::NaiveDate;
use linli_domain::{
    division::{DivisionCode, Divisions, Level},
    facility::{Facility, FacilityStatus},
    generator::Generator,
    ids::FacilityId,
};
use linli_search::{FacilityDocument, ServiceDocument};
use linli_store::storage::facilities::Stored;
use uuid::Uuid;

/// The document of a facility; `None` when residents do not find it.
pub(super) fn document(stored: &Stored) -> Option<FacilityDocument> {
    document_of(stored.id, stored.version, stored.status, &stored.facility)
}

/// The documents of a made city: the same seed makes the same ones.
pub(super) fn made(size: usize, seed: u64, date: NaiveDate) -> Vec<FacilityDocument> {
    let city = Generator::new(Divisions::shipped(), seed, size, date);
    let numbered = city.facilities().take(size).zip(1_u128..);
    let documents = numbered.filter_map(|(made, number)| {
        document_of(Uuid::from_u128(number).into(), 1, made.status, &made.facility)
    });
    documents.collect()
}

fn document_of(
    id: FacilityId,
    version: i64,
    status: FacilityStatus,
    facility: &Facility,
) -> Option<FacilityDocument> {
    if !status.listed() {
        return None;
    }
    let data = facility.data();
    let services = data.services.iter().map(|service| ServiceDocument {
        name: service.name.clone(),
        category: service.category,
        fee: service.fee,
        modes: service.modes,
    });
    Some(FacilityDocument {
        id,
        version,
        name: data.name.clone(),
        short_name: data.short_name.clone(),
        aliases: data.aliases.clone(),
        categories: data.categories.clone(),
        services: services.collect(),
        point: data.location.map(|location| location.point),
        address: data.address.clone(),
        divisions: data.division.as_deref().map(division_names).unwrap_or_default(),
        accessibility: data.accessibility.present,
        carrier_level: data.carrier_level,
        status,
        schedule: Arc::new(data.hours.clone()),
        phone: data.phones.first().map(ToString::to_string),
    })
}

/// District, street and community, as people say them.
fn division_names(code: &str) -> Vec<String> {
    let Ok(code) = code.parse::<DivisionCode>() else { return Vec::new() };
    let lineage = Divisions::shipped().lineage(code).into_iter();
    let local = lineage.filter(|division| division.code.level() >= Level::District && !division.is_group());
    local.map(linli_domain::division::Division::plain_name).collect()
}
