//! One made facility, drawn field by field.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::{
    MadeCommunity, MadeFacility, Rng,
    ground::moved,
    kinds::{COMPLEX_NAMES, KINDS, Kind, Offer},
};
use crate::{
    division::{Division, DivisionCode, Divisions},
    facility::{
        AccessFeature, BuildKind, CarrierLevel, Category, Facility, FacilityData, FacilityStatus, FeeKind,
        Language, Licence, Location, OperationMode, Price, Pricing, Service, ServicePhone,
    },
    geo::{Datum, Point},
    hours::{Exception, Schedule},
    time::local_date,
    vocabulary::Vocabulary,
};

const SUMMARY: &str =
    "【示例数据】由 Linli 演示数据生成器编造，并非真实设施。Generated sample data, not a real facility.";

/// First digits of the code, and the area code of the telephone.
const AREA_CODES: &[(&str, &str)] =
    &[("3301", "0571"), ("3304", "0573"), ("3703", "0533"), ("50", "023"), ("", "010")];

const OPERATORS: &[&str] = &[
    "示例邻里服务有限公司",
    "示例长青养老服务中心",
    "示例康乐公益发展中心",
    "示例童心托育有限公司",
    "示例百味餐饮有限公司",
    "示例社区物业有限公司",
];

/// Which licence a category needs, if any.
const LICENCES: &[(Category, &str)] = &[
    (Category::CommunityDining, "食品经营许可证"),
    (Category::ElderlyCare, "养老机构备案回执"),
    (Category::Childcare, "托育机构备案回执"),
    (Category::Health, "医疗机构执业许可证"),
];

/// What all facilities of a community share.
pub(super) struct Place<'a> {
    community: &'a MadeCommunity,
    digits: String,
    /// 清波门社区
    name: String,
    /// 清波门
    stem: String,
    /// 浙江省杭州市上城区清波街道清波门社区
    full_name: String,
}

impl<'a> Place<'a> {
    pub(super) fn new(divisions: &Divisions, community: &'a MadeCommunity) -> Self {
        let name = divisions.get(community.code).map_or_else(String::new, Division::plain_name);
        let stem = name.strip_suffix("社区").or_else(|| name.strip_suffix('村')).unwrap_or(&name).to_owned();
        let full_name = divisions.full_name(community.code);
        Self { community, digits: community.code.to_string(), name, stem, full_name }
    }

    fn by_region<T>(&self, table: &'static [T], prefix: impl Fn(&T) -> &str) -> &'static T {
        let found = table.iter().find(|row| self.digits.starts_with(prefix(row)));
        found.unwrap_or_else(|| unreachable!("the last row of each table fits every region"))
    }
}

/// A facility in the making.
pub(super) struct Making<'a> {
    pub(super) rng: Rng,
    pub(super) kind: &'a Kind,
    pub(super) schedules: &'a [Schedule],
    pub(super) as_of: DateTime<Utc>,
    pub(super) area_m2: u32,
}

impl Making<'_> {
    /// Draws it; `round` counts how often the community has this kind already.
    pub(super) fn facility(&mut self, place: &Place<'_>, id: &str, round: usize) -> MadeFacility {
        let is_complex = std::ptr::eq(self.kind, &raw const KINDS[0]);
        let (kind_name, alias) = if is_complex {
            let row = place.by_region(COMPLEX_NAMES, |row| row.0);
            (row.1, row.2)
        } else {
            (*self.rng.pick(self.kind.names), *self.rng.pick(self.kind.aliases))
        };
        let number = if round > 0 { format!("{}号", round + 1) } else { String::new() };
        // One in a hundred leaves the community out of its name, so that names repeat over a city.
        let before = if self.rng.chance(1) { "" } else { &*place.name };
        // 清波门社区 and 社区食堂 make 清波门社区食堂.
        let joined =
            if before.ends_with("社区") { kind_name.trim_start_matches("社区") } else { kind_name };
        let address = format!("{}示例路{}号", place.full_name, self.rng.between(1, 199));
        let mut data = FacilityData::new(&format!("{before}{joined}{number}"), self.kind.category, &address);
        data.short_name = Some(format!("{}{kind_name}{number}", place.stem));
        data.aliases = vec![format!("{}{alias}", place.stem)];
        data.summary = Some(SUMMARY.to_owned());
        data.division = Some(place.digits.clone());
        data.area_m2 = Some(f64::from(self.area_m2));
        if is_complex {
            data.categories.extend([Category::ElderlyCare, Category::CommunityDining, Category::Culture]);
        }
        data.location = Some(self.location(place.community));
        data.phones = self.phones(place);
        data.hours = self.hours();
        data.services = self.kind.offers.iter().map(|offer| self.service(offer)).collect();
        self.people(&mut data, place.community.code);
        self.terms(&mut data, is_complex);
        data.licences = self.licences(id);
        let days = if self.rng.chance(3) { self.rng.between(400, 900) } else { self.rng.between(1, 170) };
        data.verified_at = Some(self.as_of - Duration::days(days.into()));
        let facility = Facility::new(data, self.as_of)
            .unwrap_or_else(|refusal| unreachable!("tests make whole cities: {:?}", refusal.errors));
        let with_rooms = !self.kind.rooms.is_empty() && (is_complex || self.rng.chance(60));
        MadeFacility {
            external_id: id.to_owned(),
            community: place.community.code,
            status: self.status(),
            facility,
            rooms: if with_rooms { self.kind.rooms } else { &[] },
        }
    }

    fn status(&mut self) -> FacilityStatus {
        match self.rng.between(0, 99) {
            0..=93 => FacilityStatus::Open,
            94..=96 => FacilityStatus::Trial,
            97..=98 => FacilityStatus::Suspended,
            _ => FacilityStatus::Planned,
        }
    }

    /// Denser towards the centre of the community, never beyond its reach.
    fn location(&mut self, community: &MadeCommunity) -> Location {
        let mut offset = || (self.rng.unit() + self.rng.unit() - 1.0) * community.reach_m;
        let point: Point = moved(community.centre, offset(), offset());
        Location { point, source_datum: Datum::Wgs84, accuracy_m: Some(self.rng.between(5, 50)) }
    }

    /// No subscriber number begins with 9.
    fn phones(&mut self, place: &Place<'_>) -> Vec<ServicePhone> {
        let area_code = place.by_region(AREA_CODES, |row| row.0).1;
        let number = format!("{area_code}-9999{:04}", self.rng.between(0, 9999));
        let with_phone = self.rng.chance(90);
        ServicePhone::parse(&number).into_iter().filter(|_| with_phone).collect()
    }

    /// Five in a hundred have no hours; a few are closed for a while soon.
    fn hours(&mut self) -> Schedule {
        let schedule = self.rng.pick(self.schedules);
        match self.rng.between(0, 99) {
            0..=4 => Schedule::default(),
            5..=7 => {
                let mut hours = schedule.hours().clone();
                let from = local_date(self.as_of) + Duration::days(self.rng.between(0, 20).into());
                hours.exceptions.push(Exception {
                    from,
                    to: from + Duration::days(self.rng.between(0, 3).into()),
                    spans: Vec::new(),
                    reason: Some("设备检修".to_owned()),
                });
                Schedule::new(hours).unwrap_or_default()
            }
            _ => schedule.clone(),
        }
    }

    fn service(&mut self, Offer(name, fee, mode, price): &Offer) -> Service {
        let pricing = match fee {
            FeeKind::Free => None,
            FeeKind::LowCost => Some(Pricing::Government),
            FeeKind::Paid => Some(Pricing::Market),
        };
        let percent = i64::from(self.rng.between(80, 120));
        let prices = price.map(|(fen, unit)| Price {
            item: (*name).to_owned(),
            // Whole tenths of a yuan, as on a price list.
            amount_fen: fen * percent / 1000 * 10,
            unit: unit.to_owned(),
        });
        Service {
            name: (*name).to_owned(),
            category: self.kind.category,
            fee: *fee,
            pricing,
            modes: std::iter::once(*mode).collect(),
            prices: prices.into_iter().collect(),
        }
    }

    /// Who can get in, and who is understood there.
    fn people(&mut self, data: &mut FacilityData, community: DivisionCode) {
        for feature in AccessFeature::ALL {
            match self.rng.between(0, 99) {
                0..=34 => data.accessibility.present.insert(*feature),
                35..=44 => data.accessibility.absent.insert(*feature),
                _ => {}
            }
        }
        data.languages.insert(Language::Mandarin);
        let speaks_wu = community.to_string().starts_with("33");
        for (language, percent) in [
            (Language::Wu, if speaks_wu { 40 } else { 0 }),
            (Language::English, 6),
            (Language::ChineseSign, 3),
        ] {
            if self.rng.chance(percent) {
                data.languages.insert(language);
            }
        }
    }

    /// How it was built and on what terms it is run.
    fn terms(&mut self, data: &mut FacilityData, is_complex: bool) {
        data.build_kind = Some(*self.rng.pick(BuildKind::ALL));
        data.carrier_level = Some(match (is_complex, self.rng.chance(20)) {
            (true, true) => CarrierLevel::LifeCircleCentre,
            (false, true) => CarrierLevel::Estate,
            (_, false) => CarrierLevel::Community,
        });
        data.operation_mode = Some(*self.rng.pick(OperationMode::ALL));
        data.operator = self.rng.chance(70).then(|| (*self.rng.pick(OPERATORS)).to_owned());
    }

    fn licences(&mut self, id: &str) -> Vec<Licence> {
        let today: NaiveDate = local_date(self.as_of);
        let needed = LICENCES.iter().filter(|(category, _)| *category == self.kind.category);
        needed
            .map(|(_, name)| {
                // Some have run out.
                let valid_to = today + Duration::days(i64::from(self.rng.between(0, 1000)) - 40);
                Licence {
                    kind: (*name).to_owned(),
                    number: format!("示例-{id}"),
                    issuer: Some("示例发证机关".to_owned()),
                    valid_from: Some(valid_to - Duration::days(1826)),
                    valid_to: Some(valid_to),
                }
            })
            .collect()
    }
}
