//! Distances by chords of the unit sphere.
//!
//! Chords order as great circles do, so a tree of three-dimensional points
//! finds the nearest exactly, anywhere, without a projection.

use linli_domain::geo::{EARTH_RADIUS_M, Point};

/// The point on the unit sphere.
pub(crate) fn on_sphere(point: Point) -> [f64; 3] {
    let (lat, lng) = (point.lat().to_radians(), point.lng().to_radians());
    [lat.cos() * lng.cos(), lat.cos() * lng.sin(), lat.sin()]
}

pub(crate) fn chord_2(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Great-circle metres of a squared chord.
pub(crate) fn metres_of_chord_2(chord_2: f64) -> f64 {
    2.0 * EARTH_RADIUS_M * (chord_2.sqrt() / 2.0).min(1.0).asin()
}

/// Squared chord of great-circle metres.
pub(crate) fn chord_2_of_metres(metres: f64) -> f64 {
    let chord = 2.0 * (metres / (2.0 * EARTH_RADIUS_M)).min(std::f64::consts::FRAC_PI_2).sin();
    chord * chord
}

/// Whole centimetres; half the way round the world is 2·10^9 of them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and distances are not negative"
)]
pub(crate) fn centimetres(metres: f64) -> u32 {
    (metres * 100.0).round() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chords_measure_what_the_domain_measures(lat in 20.0..45.0, lng in 80.0..130.0, north in -0.5..0.5, east in -0.5..0.5) {
            let (a, b) = (Point::wgs84(lat, lng).unwrap(), Point::wgs84(lat + north, lng + east).unwrap());
            let metres = metres_of_chord_2(chord_2(&on_sphere(a), &on_sphere(b)));
            prop_assert!((metres - a.distance_m(b)).abs() < 0.001);
            prop_assert!((metres_of_chord_2(chord_2_of_metres(metres)) - metres).abs() < 0.001);
        }
    }
}
