//! GCJ-02 and BD-09, the offset systems of Chinese maps, to and from WGS-84.
//!
//! GCJ-02 adds a smooth displacement of a few hundred metres inside a box round
//! China and none outside; BD-09 turns and shifts GCJ-02 once more. Neither has
//! a closed inverse: we search it by fixed-point iteration, which converges
//! because the displacement changes by far less than a metre per metre.

use std::f64::consts::PI;

use super::Datum;

/// Latitude, longitude.
type Degrees = (f64, f64);

/// Semi-major axis and squared eccentricity of the Krasovsky ellipsoid of 1940, on which GCJ-02 is defined.
const AXIS_M: f64 = 6_378_245.0;
const ECCENTRICITY_SQUARED: f64 = 0.006_693_421_622_965_943;
/// BD-09 perturbs with waves of this angular frequency per degree.
const BD_WAVE: f64 = PI * 3000.0 / 180.0;
const BD_SHIFT: Degrees = (0.0060, 0.0065);
/// About a centimetre; four or five rounds get there.
const TOLERANCE_DEG: f64 = 1e-7;
const MAX_ROUNDS: usize = 12;

pub(super) fn from_wgs84(point: Degrees, datum: Datum) -> Degrees {
    match datum {
        Datum::Wgs84 => point,
        Datum::Gcj02 => wgs84_to_gcj02(point),
        Datum::Bd09 => gcj02_to_bd09(wgs84_to_gcj02(point)),
    }
}

pub(super) fn to_wgs84(point: Degrees, datum: Datum) -> Degrees {
    match datum {
        Datum::Wgs84 => point,
        Datum::Gcj02 => invert(wgs84_to_gcj02, point, point),
        Datum::Bd09 => {
            let near = (point.0 - BD_SHIFT.0, point.1 - BD_SHIFT.1);
            let gcj02 = invert(gcj02_to_bd09, point, near);
            invert(wgs84_to_gcj02, gcj02, gcj02)
        }
    }
}

/// Finds `x` with `forward(x) = image`, starting from `guess`.
fn invert(forward: impl Fn(Degrees) -> Degrees, image: Degrees, guess: Degrees) -> Degrees {
    let mut x = guess;
    for _ in 0..MAX_ROUNDS {
        let y = forward(x);
        let miss = (y.0 - image.0, y.1 - image.1);
        x = (x.0 - miss.0, x.1 - miss.1);
        if miss.0.abs().max(miss.1.abs()) < TOLERANCE_DEG {
            break;
        }
    }
    x
}

fn wgs84_to_gcj02((lat, lng): Degrees) -> Degrees {
    if !((0.8293..=55.8271).contains(&lat) && (72.004..=137.8347).contains(&lng)) {
        return (lat, lng);
    }
    let (north_m, east_m) = displacement_m(lng - 105.0, lat - 35.0);
    let sin_lat = lat.to_radians().sin();
    let magic = 1.0 - ECCENTRICITY_SQUARED * sin_lat * sin_lat;
    let meridian_radius = AXIS_M * (1.0 - ECCENTRICITY_SQUARED) / (magic * magic.sqrt());
    let parallel_radius = AXIS_M / magic.sqrt() * lat.to_radians().cos();
    (lat + (north_m / meridian_radius).to_degrees(), lng + (east_m / parallel_radius).to_degrees())
}

/// The displacement in metres north and east, `x` and `y` in degrees from 105° E, 35° N.
fn displacement_m(x: f64, y: f64) -> Degrees {
    let wave = |amplitude: f64, angle: f64| amplitude * (angle * PI).sin();
    let common = (wave(20.0, 6.0 * x) + wave(20.0, 2.0 * x)) * 2.0 / 3.0;
    let root = x.abs().sqrt();
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * root
        + common
        + (wave(20.0, y) + wave(40.0, y / 3.0)) * 2.0 / 3.0
        + (wave(160.0, y / 12.0) + wave(320.0, y / 30.0)) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * root
        + common
        + (wave(20.0, x) + wave(40.0, x / 3.0)) * 2.0 / 3.0
        + (wave(150.0, x / 12.0) + wave(300.0, x / 30.0)) * 2.0 / 3.0;
    (north, east)
}

fn gcj02_to_bd09((lat, lng): Degrees) -> Degrees {
    let radius = lng.hypot(lat) + 0.000_02 * (lat * BD_WAVE).sin();
    let angle = lat.atan2(lng) + 0.000_003 * (lng * BD_WAVE).cos();
    (radius * angle.sin() + BD_SHIFT.0, radius * angle.cos() + BD_SHIFT.1)
}
