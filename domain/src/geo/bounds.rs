//! Boxes of latitude and longitude.

use super::{EARTH_RADIUS_M, Point};

/// Everything within the two parallels and the two meridians; never across the antimeridian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Southern edge, degrees.
    pub south: f64,
    /// Western edge, degrees.
    pub west: f64,
    /// Northern edge, degrees.
    pub north: f64,
    /// Eastern edge, degrees.
    pub east: f64,
}

/// The mainland, Hainan and the islands. Latitudes and longitudes do not
/// overlap, which is what makes exchanged axes recognisable.
pub const CHINA: Bounds = Bounds { south: 3.0, west: 73.0, north: 54.0, east: 136.0 };

impl Bounds {
    /// Whether the point is inside or on the edge.
    pub fn contains(&self, point: Point) -> bool {
        (self.south..=self.north).contains(&point.lat()) && (self.west..=self.east).contains(&point.lng())
    }

    /// The smallest box round the circle, clipped to the globe.
    pub fn around(centre: Point, radius_m: f64) -> Self {
        let angle = (radius_m / EARTH_RADIUS_M).to_degrees();
        // A circle is widest in longitude a little poleward of its centre.
        let widest_lat = (centre.lat().abs() + angle).min(89.9).to_radians();
        let lng_angle = angle / widest_lat.cos();
        Self {
            south: (centre.lat() - angle).max(-90.0),
            west: (centre.lng() - lng_angle).max(-180.0),
            north: (centre.lat() + angle).min(90.0),
            east: (centre.lng() + lng_angle).min(180.0),
        }
    }
}
