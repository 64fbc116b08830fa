//! Points on the ground: WGS-84 inside, any datum at the edge.
//!
//! Invariant: a [`Point`] is finite and in range. Callers say which datum their
//! numbers are in, because the three systems used in China differ by up to
//! 1.2 km and look alike.

mod bounds;
mod datum;
mod walk;

pub use bounds::{Bounds, CHINA};
pub use walk::{CIRCUITY, WalkProfile};

use serde::{Deserialize, Serialize};

use crate::{Code, Refusal, vocabulary::vocabulary};

vocabulary! {
    /// The coordinate system a caller speaks.
    Datum {
        Wgs84, "wgs84", "WGS-84 / CGCS2000", "WGS-84 (GPS, CGCS2000)";
        Gcj02, "gcj02", "GCJ-02（腾讯、高德）", "GCJ-02 (Tencent, AMap, WeChat)";
        Bd09, "bd09", "BD-09（百度）", "BD-09 (Baidu)";
    }
}

/// Mean radius of the earth, in metres.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A point in WGS-84 degrees: finite, latitude within ±90, longitude within ±180.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Degrees", into = "Degrees")]
pub struct Point {
    lat: f64,
    lng: f64,
}

/// A point as data: not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Degrees {
    lat: f64,
    lng: f64,
}

impl TryFrom<Degrees> for Point {
    type Error = &'static str;

    fn try_from(Degrees { lat, lng }: Degrees) -> Result<Self, Self::Error> {
        Self::wgs84(lat, lng).ok_or("not a point on the earth")
    }
}

impl From<Point> for Degrees {
    fn from(Point { lat, lng }: Point) -> Self {
        Self { lat, lng }
    }
}

impl Point {
    /// A point whose numbers are WGS-84 already, for instance from a row.
    pub fn wgs84(lat: f64, lng: f64) -> Option<Self> {
        // NaN and infinities fail both comparisons.
        (lat.abs() <= 90.0 && lng.abs() <= 180.0).then_some(Self { lat, lng })
    }

    /// Reads what a caller gave, anywhere in China; kept to seven decimals, about a centimetre.
    pub fn parse(lat: f64, lng: f64, datum: Datum) -> Result<Self, Refusal> {
        Self::parse_within(lat, lng, datum, &CHINA)
    }

    /// Reads what a caller gave and refuses points outside `area`.
    ///
    /// Exchanged axes are told apart from nonsense: they are the commonest
    /// mistake of all, and the person can mend it when told.
    pub fn parse_within(lat: f64, lng: f64, datum: Datum, area: &Bounds) -> Result<Self, Refusal> {
        let accepted = |lat, lng| {
            let point = Self::wgs84(lat, lng).map(|as_given| as_given.taken_as(datum))?;
            area.contains(point).then(|| point.at_decimals(1e7))
        };
        if let Some(point) = accepted(lat, lng) {
            return Ok(point);
        }
        Err(Refusal::new(if accepted(lng, lat).is_some() {
            Code::CoordinateSwapped
        } else if Self::wgs84(lat, lng).is_none() {
            Code::CoordinateInvalid
        } else {
            Code::CoordinateOutOfArea
        }))
    }

    /// Reads where a resident stands: as [`Self::parse`], kept only to four
    /// decimals (about 10 m), since a precise location is personal data.
    pub fn of_resident(lat: f64, lng: f64, datum: Datum) -> Result<Self, Refusal> {
        Self::parse(lat, lng, datum).map(Self::rounded)
    }

    /// The point at four decimals, about 10 m.
    #[must_use]
    pub fn rounded(self) -> Self {
        self.at_decimals(1e4)
    }

    fn at_decimals(self, scale: f64) -> Self {
        let round = |degrees: f64| (degrees * scale).round() / scale;
        Self { lat: round(self.lat), lng: round(self.lng) }
    }

    /// Latitude in WGS-84 degrees.
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// Longitude in WGS-84 degrees.
    pub const fn lng(self) -> f64 {
        self.lng
    }

    /// Latitude and longitude in another datum, as answers give them (seven decimals, about 1 cm).
    pub fn in_datum(self, datum: Datum) -> (f64, f64) {
        let (lat, lng) = datum::from_wgs84((self.lat, self.lng), datum);
        let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
        (round(lat), round(lng))
    }

    /// Great-circle distance in metres.
    pub fn distance_m(self, other: Self) -> f64 {
        let (lat_a, lat_b) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((lat_b - lat_a) / 2.0).sin();
        let half_lng = ((other.lng - self.lng).to_radians() / 2.0).sin();
        let h = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lng * half_lng;
        2.0 * EARTH_RADIUS_M * h.min(1.0).sqrt().asin()
    }

    /// The same numbers, read as those of another datum.
    fn taken_as(self, datum: Datum) -> Self {
        let (lat, lng) = datum::to_wgs84((self.lat, self.lng), datum);
        Self { lat, lng }
    }
}

#[cfg(test)]
mod tests;
