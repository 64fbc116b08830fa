//! Made ground: where the communities of a district lie in the demo.
//!
//! The real list has no coordinates, and no free source of them ships with the
//! program. So each district gets a square grid round a plausible centre, and
//! its communities lie on it along a Hilbert curve: communities with
//! neighbouring codes (those of one street) are neighbours on the ground.

use crate::{
    division::DivisionCode,
    geo::{Bounds, Point},
};

/// Metres in a degree of latitude.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// About 0.56 km² per community: the old districts of a large city.
const DENSE_M: f64 = 750.0;
/// About 1.4 km² per community: everything else.
const WIDE_M: f64 = 1_200.0;

/// District code, latitude and longitude of the made centre, spacing of the grid.
#[rustfmt::skip]
const GROUNDS: &[(&str, f64, f64, f64)] = &[
    // 杭州市
    ("330102", 30.275, 120.205, DENSE_M), ("330105", 30.345, 120.140, DENSE_M), ("330106", 30.240, 120.060, DENSE_M),
    ("330108", 30.190, 120.195, DENSE_M), ("330109", 30.110, 120.330, DENSE_M), ("330110", 30.370, 119.960, DENSE_M),
    ("330113", 30.440, 120.260, DENSE_M), ("330114", 30.320, 120.430, DENSE_M), ("330111", 29.990, 119.900, WIDE_M),
    ("330112", 30.220, 119.560, WIDE_M), ("330122", 29.800, 119.640, WIDE_M), ("330127", 29.620, 119.000, WIDE_M),
    ("330182", 29.470, 119.310, WIDE_M),
    // 海宁市
    ("330481", 30.460, 120.620, WIDE_M),
    // 淄博市
    ("370302", 36.620, 117.990, WIDE_M), ("370303", 36.800, 118.050, DENSE_M), ("370304", 36.440, 117.860, WIDE_M),
    ("370305", 36.840, 118.300, WIDE_M), ("370306", 36.800, 117.850, DENSE_M), ("370321", 36.980, 118.080, DENSE_M),
    ("370322", 37.150, 117.810, WIDE_M), ("370323", 36.170, 118.180, WIDE_M),
    // 重庆市
    ("500101", 30.810, 108.400, WIDE_M), ("500102", 29.700, 107.380, WIDE_M), ("500103", 29.555, 106.555, DENSE_M),
    ("500104", 29.450, 106.470, DENSE_M), ("500105", 29.620, 106.620, DENSE_M), ("500106", 29.580, 106.430, DENSE_M),
    ("500107", 29.490, 106.370, DENSE_M), ("500108", 29.510, 106.650, DENSE_M), ("500109", 29.810, 106.430, WIDE_M),
    ("500110", 28.960, 106.660, WIDE_M), ("500111", 29.650, 105.740, WIDE_M), ("500112", 29.790, 106.730, WIDE_M),
    ("500113", 29.360, 106.650, WIDE_M), ("500114", 29.470, 108.750, WIDE_M), ("500115", 29.900, 107.080, WIDE_M),
    ("500116", 29.190, 106.250, WIDE_M), ("500117", 30.010, 106.290, WIDE_M), ("500118", 29.310, 105.900, WIDE_M),
    ("500119", 29.130, 107.130, WIDE_M), ("500120", 29.570, 106.200, WIDE_M), ("500151", 29.820, 106.040, WIDE_M),
    ("500152", 30.150, 105.810, WIDE_M), ("500153", 29.440, 105.520, WIDE_M), ("500154", 31.210, 108.380, WIDE_M),
    ("500155", 30.660, 107.760, WIDE_M), ("500156", 29.370, 107.700, WIDE_M), ("500229", 31.880, 108.680, WIDE_M),
    ("500230", 29.890, 107.750, WIDE_M), ("500231", 30.280, 107.420, WIDE_M), ("500233", 30.330, 107.960, WIDE_M),
    ("500235", 30.980, 108.840, WIDE_M), ("500236", 30.990, 109.400, WIDE_M), ("500237", 31.090, 109.890, WIDE_M),
    ("500238", 31.430, 109.440, WIDE_M), ("500240", 30.080, 108.250, WIDE_M), ("500241", 28.480, 108.990, WIDE_M),
    ("500242", 28.880, 108.740, WIDE_M), ("500243", 29.290, 108.150, WIDE_M),
];

/// The made grid of one district.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    centre: Point,
    spacing_m: f64,
    /// Cells along an edge, a power of two.
    side: u32,
}

impl Ground {
    /// The ground of a district with so many communities.
    ///
    /// A district that the table does not know lies in the middle of `area`.
    pub(super) fn of(district: DivisionCode, communities: usize, area: &Bounds) -> Self {
        let short = district.short();
        let (lat, lng, spacing_m) = GROUNDS.iter().find(|(code, ..)| *code == short).map_or(
            (f64::midpoint(area.south, area.north), f64::midpoint(area.west, area.east), WIDE_M),
            |&(_, lat, lng, spacing_m)| (lat, lng, spacing_m),
        );
        let centre =
            Point::wgs84(lat, lng).unwrap_or_else(|| unreachable!("boxes and the table hold real degrees"));
        let side = u32::try_from(communities).unwrap_or(1).isqrt();
        let side = if (side * side) as usize == communities { side } else { side + 1 }.next_power_of_two();
        Self { centre, spacing_m, side }
    }

    /// The centre of the `index`-th community.
    pub(super) fn community(&self, index: usize) -> Point {
        let (column, row) = hilbert(self.side, u32::try_from(index).unwrap_or(0));
        let middle = f64::from(self.side - 1) / 2.0;
        let metres = |cell: u32| (f64::from(cell) - middle) * self.spacing_m;
        moved(self.centre, metres(column), metres(row))
    }

    /// How far from its centre a community's facilities may lie.
    pub(super) fn reach_m(&self) -> f64 {
        self.spacing_m * 0.6
    }
}

/// The point so many metres to the east and to the north; exact enough within a city.
pub(super) fn moved(from: Point, east_m: f64, north_m: f64) -> Point {
    let lat = from.lat() + north_m / METRES_PER_DEGREE;
    let lng = from.lng() + east_m / (METRES_PER_DEGREE * from.lat().to_radians().cos());
    // Seven decimals are a centimetre; more would pretend.
    let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
    Point::wgs84(round(lat), round(lng)).unwrap_or(from)
}

/// Column and row of a step on the Hilbert curve that fills a square.
fn hilbert(side: u32, step: u32) -> (u32, u32) {
    let (mut x, mut y, mut rest) = (0, 0, step);
    let mut quarter = 1;
    while quarter < side {
        let right = 1 & (rest / 2);
        let up = 1 & (rest ^ right);
        if up == 0 {
            if right == 1 {
                (x, y) = (quarter - 1 - x, quarter - 1 - y);
            }
            (x, y) = (y, x);
        }
        x += quarter * right;
        y += quarter * up;
        rest /= 4;
        quarter *= 2;
    }
    (x, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::division::{Divisions, Level};

    #[test]
    fn the_curve_fills_the_square_in_steps_of_one() {
        let path: Vec<_> = (0..64).map(|step| hilbert(8, step)).collect();
        let cells: std::collections::BTreeSet<_> = path.iter().collect();
        assert_eq!(cells.len(), 64);
        assert!(path.windows(2).all(|w| w[0].0.abs_diff(w[1].0) + w[0].1.abs_diff(w[1].1) == 1));
    }

    #[test]
    fn every_shipped_district_has_ground_and_stays_inside_its_city() {
        let list = Divisions::shipped();
        for district in list.all().iter().filter(|row| row.code.level() == Level::District) {
            assert!(GROUNDS.iter().any(|ground| ground.0 == district.code.short()), "{}", district.name);
            let area = list.bounds(district.code).unwrap();
            let communities = list.at_level(district.code, Level::Community).count();
            let ground = Ground::of(district.code, communities, &area);
            let reach = ground.reach_m();
            for index in 0..communities {
                let at = ground.community(index);
                for corner in [moved(at, reach, reach), moved(at, -reach, -reach)] {
                    assert!(area.contains(corner), "{} {index}", district.name);
                }
            }
        }
    }
}
