//! From a stored facility to what discovery may know of it.

use std::sync::Arc;

use linli_domain::division::{DivisionCode, Divisions, Level};
use linli_search::{FacilityDocument, ServiceDocument};
use linli_store::storage::facilities::Stored;

/// The document of a facility; `None` when residents do not find it.
pub(super) fn document(stored: &Stored) -> Option<FacilityDocument> {
    if !stored.status.listed() {
        return None;
    }
    let data = stored.facility.data();
    let services = data.services.iter().map(|service| ServiceDocument {
        name: service.name.clone(),
        category: service.category,
        fee: service.fee,
        modes: service.modes,
    });
    Some(FacilityDocument {
        id: stored.id,
        version: stored.version,
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
        status: stored.status,
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
