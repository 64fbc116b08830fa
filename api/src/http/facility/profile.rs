//! What is said about a facility, on the wire.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use linli_domain::{
    FieldErrors, Refusal,
    facility::{
        self, AccessFeature, BuildKind, CarrierLevel, Category, Facility, FacilityData, FeeKind, Language,
        Location, OperationMode, Pricing, ServiceMode, ServicePhone,
    },
    geo::{Datum, Point},
    time,
};
use poem_openapi::Object;

use super::Hours;
use crate::http::word::{Word, set, words};

/// Everything a person asks before walking there.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Profile {
    /// Official name.
    pub name: String,
    /// The name on the door.
    pub short_name: Option<String>,
    /// What people call it besides.
    #[oai(default)]
    pub aliases: Vec<String>,
    /// What it is, in a few sentences.
    pub summary: Option<String>,
    /// Fields of service, the main one first.
    pub categories: Vec<Word<Category>>,
    /// What one gets there.
    #[oai(default)]
    pub services: Vec<Service>,
    /// Street address.
    pub address: String,
    /// Statistical code of its community or street, 12 digits.
    pub division: Option<String>,
    /// Where it is.
    pub location: Option<Place>,
    /// Public service numbers.
    #[oai(default)]
    pub phones: Vec<String>,
    /// When it is open; absent when not known.
    pub hours: Option<Hours>,
    /// Who can get in and about.
    pub accessibility: Option<Accessibility>,
    /// Languages spoken at the counter (BCP 47).
    #[oai(default)]
    pub languages: Vec<Word<Language>>,
    /// Floor area in square metres.
    pub area_m2: Option<f64>,
    /// How it was built.
    pub build_kind: Option<Word<BuildKind>>,
    /// Which level of the neighbourhood it serves.
    pub carrier_level: Option<Word<CarrierLevel>>,
    /// Who runs it.
    pub operator: Option<String>,
    /// On what terms it is run.
    pub operation_mode: Option<Word<OperationMode>>,
    /// Its licences.
    #[oai(default)]
    pub licences: Vec<Licence>,
    /// When somebody last checked all this on the spot.
    pub verified_at: Option<DateTime<FixedOffset>>,
    /// The same facility in other systems.
    #[oai(default)]
    pub external_ids: Vec<ExternalId>,
}

/// Something one gets at a facility.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Service {
    /// What it is called.
    pub name: String,
    /// The field it belongs to.
    pub category: Word<Category>,
    /// What it costs in principle.
    pub fee: Word<FeeKind>,
    /// Who sets the price.
    pub pricing: Option<Word<Pricing>>,
    /// Where it is given.
    pub modes: Vec<Word<ServiceMode>>,
    /// The price list.
    #[oai(default)]
    pub prices: Vec<Price>,
}

/// A line of a price list.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Price {
    /// What is priced.
    pub item: String,
    /// The price in fen.
    pub amount_fen: i64,
    /// Per what, for instance 小时 or 人次.
    pub unit: String,
}

/// A point in the coordinate system it names.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Place {
    /// Latitude in degrees.
    pub lat: f64,
    /// Longitude in degrees.
    pub lng: f64,
    /// The coordinate system of the two.
    pub coord: Word<Datum>,
    /// Radius of doubt in metres.
    pub accuracy_m: Option<u32>,
}

/// What is there for people who need it, and what is known not to be.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Accessibility {
    /// Features that are there.
    #[oai(default)]
    pub present: Vec<Word<AccessFeature>>,
    /// Features known to be missing; what stands in neither list is not known.
    #[oai(default)]
    pub absent: Vec<Word<AccessFeature>>,
    /// What the words do not say.
    pub note: Option<String>,
}

/// A licence with its validity.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Licence {
    /// Which licence, for instance 食品经营许可证.
    pub kind: String,
    /// Its number.
    pub number: String,
    /// Who issued it.
    pub issuer: Option<String>,
    /// First day of validity.
    pub valid_from: Option<NaiveDate>,
    /// Last day of validity; absent for a licence without end.
    pub valid_to: Option<NaiveDate>,
}

/// The facility's id in another system.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ExternalId {
    /// The system.
    pub system: String,
    /// The id there.
    pub id: String,
}

impl Profile {
    /// What is said about the facility, its place in `coord`, or as it was given when `None`.
    pub fn of(facility: &Facility, coord: Option<Datum>) -> Self {
        let data = facility.data().clone();
        Self {
            hours: (!data.hours.is_empty()).then(|| Hours::from(&data.hours)),
            name: data.name,
            short_name: data.short_name,
            aliases: data.aliases,
            summary: data.summary,
            categories: data.categories.into_iter().map(Word).collect(),
            services: data.services.into_iter().map(Service::from).collect(),
            address: data.address,
            division: data.division,
            location: data.location.map(|location| Place::of(location, coord)),
            phones: data.phones.iter().map(ToString::to_string).collect(),
            accessibility: Some(Accessibility {
                present: words(&data.accessibility.present),
                absent: words(&data.accessibility.absent),
                note: data.accessibility.note,
            }),
            languages: words(&data.languages),
            area_m2: data.area_m2,
            build_kind: data.build_kind.map(Word),
            carrier_level: data.carrier_level.map(Word),
            operator: data.operator,
            operation_mode: data.operation_mode.map(Word),
            licences: data.licences.into_iter().map(Licence::from).collect(),
            verified_at: data.verified_at.map(time::local),
            external_ids: data.external_ids.into_iter().map(ExternalId::from).collect(),
        }
    }

    /// The facility, or every field that is wrong.
    pub fn parse(self, now: DateTime<Utc>) -> Result<Facility, Refusal> {
        let mut errors = FieldErrors::new();
        let location = self.location.and_then(|place| errors.nest("location", place.parse()));
        let phones = self.phones.iter().enumerate();
        let phones =
            phones.filter_map(|(i, text)| errors.nest(&format!("phones[{i}]"), ServicePhone::parse(text)));
        let phones = phones.collect();
        let hours = self.hours.and_then(|hours| errors.nest("hours", hours.parse())).unwrap_or_default();
        let data = FacilityData {
            version: 1,
            name: self.name,
            short_name: self.short_name,
            aliases: self.aliases,
            summary: self.summary,
            categories: self.categories.into_iter().map(|word| word.0).collect(),
            services: self.services.into_iter().map(facility::Service::from).collect(),
            address: self.address,
            division: self.division,
            location,
            phones,
            hours,
            accessibility: self.accessibility.map(facility::Accessibility::from).unwrap_or_default(),
            languages: set(&self.languages),
            area_m2: self.area_m2,
            build_kind: self.build_kind.map(|word| word.0),
            carrier_level: self.carrier_level.map(|word| word.0),
            operator: self.operator,
            operation_mode: self.operation_mode.map(|word| word.0),
            licences: self.licences.into_iter().map(facility::Licence::from).collect(),
            verified_at: self.verified_at.map(|at| at.to_utc()),
            external_ids: self.external_ids.into_iter().map(facility::ExternalId::from).collect(),
        };
        // The parts and the whole are told in one answer.
        let facility = errors.nest("", Facility::new(data, now));
        errors.finish()?;
        facility.ok_or_else(|| Refusal::new(linli_domain::Code::InvalidInput))
    }
}

impl Place {
    fn of(location: Location, coord: Option<Datum>) -> Self {
        let coord = coord.unwrap_or(location.source_datum);
        let (lat, lng) = location.point.in_datum(coord);
        Self { lat, lng, coord: Word(coord), accuracy_m: location.accuracy_m }
    }

    fn parse(self) -> Result<Location, Refusal> {
        let Word(datum) = self.coord;
        let point = Point::parse(self.lat, self.lng, datum)?;
        Ok(Location { point, source_datum: datum, accuracy_m: self.accuracy_m })
    }
}

impl From<Accessibility> for facility::Accessibility {
    fn from(access: Accessibility) -> Self {
        Self { present: set(&access.present), absent: set(&access.absent), note: access.note }
    }
}

/// Declares conversions both ways between a wire object and a domain record with the same fields.
macro_rules! alike {
    ($wire:ident = $domain:path { $($field:ident),+ }) => {
        impl From<$domain> for $wire {
            fn from(record: $domain) -> Self {
                Self { $($field: record.$field),+ }
            }
        }

        impl From<$wire> for $domain {
            fn from(wire: $wire) -> Self {
                Self { $($field: wire.$field),+ }
            }
        }
    };
}

alike!(Price = facility::Price { item, amount_fen, unit });
alike!(Licence = facility::Licence { kind, number, issuer, valid_from, valid_to });
alike!(ExternalId = facility::ExternalId { system, id });

impl From<facility::Service> for Service {
    fn from(service: facility::Service) -> Self {
        Self {
            name: service.name,
            category: Word(service.category),
            fee: Word(service.fee),
            pricing: service.pricing.map(Word),
            modes: words(&service.modes),
            prices: service.prices.into_iter().map(Price::from).collect(),
        }
    }
}

impl From<Service> for facility::Service {
    fn from(service: Service) -> Self {
        Self {
            name: service.name,
            category: service.category.0,
            fee: service.fee.0,
            pricing: service.pricing.map(|word| word.0),
            modes: set(&service.modes),
            prices: service.prices.into_iter().map(facility::Price::from).collect(),
        }
    }
}
