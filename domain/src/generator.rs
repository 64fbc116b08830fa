//! A made city: facilities and rooms on real communities, for demos, tests and benchmarks.
//!
//! Nothing made here claims to be real: the source is [`SOURCE`], the summary and the street say
//! so, and telephone numbers begin with 9, as no subscriber's does. Invariant: the same divisions,
//! seed, size and date make the same facilities, byte for byte, on every machine.

mod facility;
mod ground;
mod kinds;
mod rng;
mod rooms;

use chrono::{DateTime, NaiveDate, Utc};

pub use rooms::RoomKind;

use self::{ground::Ground, kinds::KINDS, rng::Rng};
use crate::{
    division::{Division, DivisionCode, Divisions, Level},
    facility::{Facility, FacilityStatus},
    geo::Point,
    hours::Schedule,
    import,
    time::instant,
};

/// The source of everything made here.
pub const SOURCE: &str = "generated";

/// How many facilities a community has; Hangzhou has about that many.
const PER_COMMUNITY: usize = 8;
/// Communities that fail one rule of the standards for floor area, in a hundred.
const FAILING_PERCENT: u32 = 35;

/// A community of the made city.
#[derive(Clone, Debug)]
pub struct MadeCommunity {
    /// Its real code.
    pub code: DivisionCode,
    /// How many households it is said to have.
    pub households: u32,
    /// Where it is said to lie.
    pub centre: Point,
    reach_m: f64,
    facilities: usize,
}

/// A facility of the made city.
#[derive(Clone, Debug)]
pub struct MadeFacility {
    /// Its id in [`SOURCE`].
    pub external_id: String,
    /// The community it is in.
    pub community: DivisionCode,
    /// Where it stands in its life.
    pub status: FacilityStatus,
    /// What is said about it.
    pub facility: Facility,
    /// The rooms that can be booked there.
    pub rooms: &'static [RoomKind],
}

/// A service area 片区: neighbouring communities of a street that share their facilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeServiceArea {
    /// Its name.
    pub name: String,
    /// The street it belongs to.
    pub street: DivisionCode,
    /// Its communities.
    pub communities: Vec<DivisionCode>,
}

/// A city about to be made.
#[derive(Debug)]
pub struct Generator<'a> {
    divisions: &'a Divisions,
    seed: u64,
    /// Midnight of the date on which the city is as it is.
    as_of: DateTime<Utc>,
    communities: Vec<MadeCommunity>,
    /// The hours of each kind, read once.
    schedules: Vec<Vec<Schedule>>,
}

impl<'a> Generator<'a> {
    /// A city of `size` facilities in the first communities of the list, as it is on `date`.
    ///
    /// Communities are filled to the density of a large city before the next one is begun; when
    /// the list ends, all of them get more.
    pub fn new(divisions: &'a Divisions, seed: u64, size: usize, date: NaiveDate) -> Self {
        let total = divisions.all().iter().filter(|row| row.code.level() == Level::Community).count();
        let count = size.div_ceil(PER_COMMUNITY).min(total);
        let mut communities = Vec::with_capacity(count);
        for district in divisions.all().iter().filter(|row| row.code.level() == Level::District) {
            let wanted = count - communities.len();
            let codes: Vec<_> =
                divisions.at_level(district.code, Level::Community).map(|row| row.code).collect();
            let area = divisions.bounds(district.code).unwrap_or(crate::geo::CHINA);
            let ground = Ground::of(district.code, codes.len(), &area);
            for (index, code) in codes.into_iter().take(wanted).enumerate() {
                let number = communities.len();
                communities.push(MadeCommunity {
                    code,
                    households: Rng::new(seed, code.number()).between(800, 4500),
                    centre: ground.community(index),
                    reach_m: ground.reach_m(),
                    // The first ones take what does not divide evenly.
                    facilities: size / count + usize::from(number < size % count),
                });
            }
        }
        let read = |text: &&str| {
            import::hours::parse(text)
                .unwrap_or_else(|refusal| unreachable!("a test reads these hours: {text}: {refusal}"))
        };
        let schedules = KINDS.iter().map(|kind| kind.hours.iter().map(read).collect()).collect();
        Self { divisions, seed, as_of: instant(date, 0), communities, schedules }
    }

    /// The communities of the city.
    pub fn communities(&self) -> &[MadeCommunity] {
        &self.communities
    }

    /// Every facility, community by community.
    pub fn facilities(&self) -> impl Iterator<Item = MadeFacility> {
        self.communities.iter().flat_map(|community| self.community(community))
    }

    /// Service areas over the communities: three to five neighbours each, within a street.
    pub fn service_areas(&self) -> Vec<MadeServiceArea> {
        let street = |community: &MadeCommunity| community.code.at(Level::Street);
        let mut areas = Vec::new();
        for members in self.communities.chunk_by(|a, b| street(a) == street(b)) {
            let Some(street) = members.first().and_then(street) else { continue };
            let name = self.divisions.get(street).map_or_else(String::new, Division::plain_name);
            let mut rng = Rng::new(self.seed, street.number());
            let (mut rest, mut number) = (members, 0);
            while !rest.is_empty() {
                let (area, later) = rest.split_at(rest.len().min(rng.between(3, 5) as usize));
                rest = later;
                number += 1;
                areas.push(MadeServiceArea {
                    name: format!("{name}第{number}公共服务片区（示例）"),
                    street,
                    communities: area.iter().map(|community| community.code).collect(),
                });
            }
        }
        areas
    }

    /// The facilities of one community: the complex, then others in an order of its own.
    fn community(&self, community: &MadeCommunity) -> Vec<MadeFacility> {
        let mut rng = Rng::new(self.seed, community.code.number() ^ (1 << 60));
        let mut order: Vec<usize> = (0..KINDS.len()).collect();
        for i in 2..order.len() {
            let other = rng.between(1, u32::try_from(i).unwrap_or(1)) as usize;
            order.swap(i, other);
        }
        let kinds: Vec<usize> = order.into_iter().cycle().take(community.facilities).collect();
        let areas = floor_areas(&kinds, community.households, &mut rng);
        let place = facility::Place::new(self.divisions, community);
        kinds
            .iter()
            .zip(areas)
            .enumerate()
            .map(|(index, (&kind, area_m2))| {
                let id = format!("{}-{index:02}", community.code);
                let subject = community.code.number() * 1000 + index as u64;
                let mut made = facility::Making {
                    rng: Rng::new(self.seed, subject),
                    kind: &KINDS[kind],
                    schedules: &self.schedules[kind],
                    as_of: self.as_of,
                    area_m2,
                };
                made.facility(&place, &id, index / KINDS.len())
            })
            .collect()
    }
}

/// Floor areas of a community's facilities in m², so that [`FAILING_PERCENT`] of the communities
/// fail a rule of the national standard: 30 m² per 100 households, and 600 m² for the complex.
fn floor_areas(kinds: &[usize], households: u32, rng: &mut Rng) -> Vec<u32> {
    let drawn: Vec<u32> =
        kinds.iter().map(|&kind| rng.between(KINDS[kind].area_m2.0, KINDS[kind].area_m2.1)).collect();
    let fails = rng.chance(FAILING_PERCENT);
    let per_100_households = if fails { rng.between(10, 28) } else { rng.between(31, 95) };
    let (sum, total) = (drawn.iter().sum::<u32>().max(1), per_100_households * households / 100);
    let mut areas: Vec<u32> = drawn.into_iter().map(|area| (area * total / sum).max(15)).collect();
    if let (false, Some(complex)) = (fails, areas.first_mut()) {
        // What rounding down took from the others is given back here.
        *complex = (*complex).max(600) + u32::try_from(kinds.len()).unwrap_or(0);
    }
    areas
}

#[cfg(test)]
mod tests;
