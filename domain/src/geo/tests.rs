use proptest::prelude::*;

use super::*;

fn close(a: (f64, f64), b: (f64, f64), tolerance: f64) {
    assert!((a.0 - b.0).abs() < tolerance && (a.1 - b.1).abs() < tolerance, "{a:?} is not {b:?}");
}

fn at(lat: f64, lng: f64) -> Point {
    Point::wgs84(lat, lng).unwrap()
}

#[test]
fn published_vectors_hold() {
    let vectors = [
        ((31.177_427_6, 121.527_210_6), (31.175_303_983_645_97, 121.531_541_859_215)),
        ((22.543_847, 113.912_316), (22.540_796_131_694_766, 113.917_176_480_836_3)),
        ((39.911_954, 116.377_817), (39.913_345_455_360_69, 116.384_047_224_554_57)),
        ((39.915, 116.404), (39.916_404_281_501_64, 116.410_244_499_169_38)),
        ((29.5630, 106.5516), (29.560_151, 106.555_318)),
        ((30.5255, 120.6806), (30.523_027, 120.684_817)),
        ((36.8131, 118.0548), (36.813_624, 118.060_880)),
    ];
    for (wgs84, gcj02) in vectors {
        close(at(wgs84.0, wgs84.1).in_datum(Datum::Gcj02), gcj02, 1e-6);
    }
    close(at(39.915, 116.404).in_datum(Datum::Bd09), (39.922_699_552_216_216, 116.416_627_243_787_33), 1e-6);
    close(at(30.2460, 120.1700).in_datum(Datum::Bd09), (30.249_296, 120.181_239), 1e-6);
}

#[test]
fn exchanged_axes_are_told_apart_from_nonsense() {
    let code = |lat, lng| Point::parse(lat, lng, Datum::Gcj02).unwrap_err().code;
    assert_eq!(code(120.17, 30.25), Code::CoordinateSwapped);
    assert_eq!(code(118.05, 36.81), Code::CoordinateSwapped);
    assert_eq!(code(f64::NAN, 120.0), Code::CoordinateInvalid);
    assert_eq!(code(30.0, f64::INFINITY), Code::CoordinateInvalid);
    assert_eq!(code(91.0, 200.0), Code::CoordinateInvalid);
    assert_eq!(code(0.0, 0.0), Code::CoordinateOutOfArea);
    assert_eq!(code(48.85, 2.35), Code::CoordinateOutOfArea);

    let hangzhou = Bounds { south: 29.1, west: 118.3, north: 30.6, east: 120.8 };
    let within = |lat, lng| Point::parse_within(lat, lng, Datum::Wgs84, &hangzhou).map_err(|no| no.code);
    assert!(within(30.25, 120.17).is_ok());
    assert_eq!(within(29.56, 106.55), Err(Code::CoordinateOutOfArea));
    assert_eq!(within(120.17, 30.25), Err(Code::CoordinateSwapped));
}

#[test]
fn a_residents_point_keeps_four_decimals() {
    let point = Point::of_resident(30.246_049, 120.170_051, Datum::Wgs84).unwrap();
    assert_eq!((point.lat(), point.lng()), (30.2460, 120.1701));
}

#[test]
fn a_quarter_of_an_hour_is_889_metres() {
    assert_eq!(WalkProfile::Adult.radius_m(15.0).round(), 889.0);
    assert!((WalkProfile::Elder.minutes(WalkProfile::Elder.radius_m(10.0)) - 10.0).abs() < 1e-9);
}

#[test]
fn a_degree_of_latitude_is_111_km() {
    assert!((at(30.0, 120.0).distance_m(at(31.0, 120.0)) - 111_195.0).abs() < 1.0);
    assert_eq!(at(30.0, 120.0).distance_m(at(30.0, 120.0)), 0.0);
}

proptest! {
    #[test]
    fn every_datum_comes_back_within_half_a_metre(lat in 18.0..53.0, lng in 74.0..135.0) {
        let point = at(lat, lng);
        for datum in [Datum::Wgs84, Datum::Gcj02, Datum::Bd09] {
            let (lat, lng) = point.in_datum(datum);
            let back = at(lat, lng).taken_as(datum);
            prop_assert!(back.distance_m(point) < 0.5, "{datum}: {} m", back.distance_m(point));
        }
    }

    #[test]
    fn the_box_holds_the_circle(lat in 3.0..53.0, lng in 74.0..135.0, radius in 1.0..50_000.0, turn in 0.0..std::f64::consts::TAU) {
        let centre = at(lat, lng);
        // A point just inside the circle, by small-angle offsets that are then checked.
        let reach = 0.999 * radius / 111_195.0;
        let other = at(lat + reach * turn.cos(), lng + reach * turn.sin() / lat.to_radians().cos());
        if centre.distance_m(other) <= radius {
            prop_assert!(Bounds::around(centre, radius).contains(other));
        }
    }

    #[test]
    fn anything_at_all_is_answered_without_panic(lat in any::<f64>(), lng in any::<f64>()) {
        for datum in [Datum::Wgs84, Datum::Gcj02, Datum::Bd09] {
            if let Ok(point) = Point::parse(lat, lng, datum) {
                prop_assert!(CHINA.contains(point));
            }
        }
    }
}
