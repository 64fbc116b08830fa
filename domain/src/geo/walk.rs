//! Walking time without a street network: an estimate, and named as one.

use crate::vocabulary::vocabulary;

/// Metres of street per metre of crow-fly: measured pedestrian detours lie between 1.2 and 1.4.
pub const CIRCUITY: f64 = 1.35;

vocabulary! {
    /// Who walks. The speeds are planning assumptions, kept in one place.
    WalkProfile {
        Adult, "adult", "成人", "Adult, 4.8 km/h";
        Child, "child", "儿童", "Child, 3.6 km/h";
        Elder, "elder", "老年人", "Older person, 3.0 km/h";
        Wheelchair, "wheelchair", "轮椅", "Wheelchair, 2.4 km/h";
    }
}

impl WalkProfile {
    /// Metres walked in a minute.
    pub const fn metres_per_minute(self) -> f64 {
        match self {
            Self::Adult => 80.0,
            Self::Child => 60.0,
            Self::Elder => 50.0,
            Self::Wheelchair => 40.0,
        }
    }

    /// Estimated minutes for a crow-fly distance.
    pub fn minutes(self, crow_fly_m: f64) -> f64 {
        crow_fly_m * CIRCUITY / self.metres_per_minute()
    }

    /// The crow-fly radius that is walked in so many minutes.
    pub fn radius_m(self, minutes: f64) -> f64 {
        minutes * self.metres_per_minute() / CIRCUITY
    }
}
