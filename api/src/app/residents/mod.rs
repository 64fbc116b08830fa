//! Residents: their records, family, consents, households, and what staff may do for them.
//!
//! Invariant: what names a resident is sealed; it is opened only for the resident, or masked for
//! staff in scope, and every look-up by staff is a line in the audit.

pub mod consents;
pub mod erasure;
pub mod export;
pub mod family;
pub mod favourites;
pub mod households;
pub mod lookup;
pub mod merge;
pub mod profile;

use linli_domain::{
    ids::ResidentId,
    person::{IdCard, PersonName, Phone},
};
use linli_store::{
    Error,
    audit::{self, Actor},
    storage::residents::resident,
    vault::Place,
};
use sea_orm::{ColumnTrait, sea_query::SimpleExpr};
use uuid::Uuid;

use crate::App;

/// What blind indexes are made for; see [`linli_store::vault::INDEXED`].
const NAME: &str = "resident.name";
const PHONE: &str = "resident.phone";
const ID_CARD: &str = "resident.id_card";

/// Who a record is about, opened. Prints masked.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Name.
    pub name: Option<PersonName>,
    /// Telephone number.
    pub phone: Option<Phone>,
    /// Identity number.
    pub id_card: Option<IdCard>,
}

/// Opens what a record seals.
pub fn open(app: &App, row: &resident::Model) -> Result<Person, Error> {
    let plain = |column, sealed: &Option<Vec<u8>>| {
        app.vault.open_some(Place::new("resident", column, row.id), sealed.as_deref())
    };
    let unreadable = |error| Error::internal("reading a sealed value", error);
    let name = plain("name_sealed", &row.name_sealed)?;
    let phone = plain("phone_sealed", &row.phone_sealed)?;
    let id_card = plain("id_card_sealed", &row.id_card_sealed)?;
    Ok(Person {
        name: name.map(|text| PersonName::parse(&text)).transpose().map_err(unreadable)?,
        phone: phone.map(|text| Phone::parse(&text)).transpose().map_err(unreadable)?,
        id_card: id_card.map(|text| IdCard::from_stored(&text)).transpose().map_err(unreadable)?,
    })
}

/// Seals a name into its record.
fn set_name(app: &App, row: &mut resident::Model, name: Option<&PersonName>) -> Result<(), Error> {
    row.name_sealed = name.map(|name| seal(app, row.id, "name_sealed", name.expose())).transpose()?;
    row.name_index = name.map(|name| index(app, NAME, name.expose()));
    Ok(())
}

/// Seals a telephone number into its record.
fn set_phone(app: &App, row: &mut resident::Model, phone: Option<&Phone>) -> Result<(), Error> {
    row.phone_sealed = phone.map(|phone| seal(app, row.id, "phone_sealed", phone.expose())).transpose()?;
    row.phone_index = phone.map(|phone| index(app, PHONE, phone.expose()));
    Ok(())
}

/// Seals an identity number into its record.
fn set_id_card(app: &App, row: &mut resident::Model, card: Option<&IdCard>) -> Result<(), Error> {
    row.id_card_sealed = card.map(|card| seal(app, row.id, "id_card_sealed", card.expose())).transpose()?;
    row.id_card_index = card.map(|card| index(app, ID_CARD, card.expose()));
    Ok(())
}

fn seal(app: &App, row: Uuid, column: &'static str, plain: &str) -> Result<Vec<u8>, Error> {
    Ok(app.vault.seal(&app.env, Place::new("resident", column, row), plain)?)
}

/// What stands in a column of blind indexes.
fn index(app: &App, domain: &str, plain: &str) -> Vec<u8> {
    app.vault.index(app.env.now(), domain, plain)
}

/// A look-up by telephone number.
fn has_phone(app: &App, phone: &Phone) -> SimpleExpr {
    resident::Column::PhoneIndex.is_in(app.vault.indexes(PHONE, phone.expose()))
}

/// The audit entry of something a resident did with their own record.
pub(crate) fn own_entry(id: ResidentId, action: &'static str, subject: (&'static str, Uuid)) -> audit::Entry {
    audit::Entry {
        actor: Actor::Resident(id),
        action,
        subject_kind: subject.0,
        subject_id: Some(subject.1),
        org_path: String::new(),
        detail: serde_json::json!({}),
    }
}
