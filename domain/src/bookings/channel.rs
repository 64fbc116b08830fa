//! Through which door a booking came.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// A door.
    Channel {
        Online, "online", "手机", "Online";
        Counter, "counter", "前台", "At the counter";
        Phone, "phone", "电话", "By telephone";
        WalkIn, "walk_in", "现场", "Walk-in";
    }
}

impl Channel {
    /// Whether staff do it, who see the room and the resident.
    pub const fn by_staff(self) -> bool {
        !matches!(self, Self::Online)
    }
}
