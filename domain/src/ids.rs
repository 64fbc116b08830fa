//! Typed identifiers. Each is a UUIDv7 made by the caller, printed as a plain string.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Declares identifier newtypes that cannot be mixed up.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

ids! {
    // facilities
    /// A facility 设施.
    FacilityId;
    /// A dated notice 发布 of a facility.
    NoticeId;
    /// A report that published information is wrong.
    ReportId;
    /// A photo of a facility.
    PhotoId;
    /// A service area 片区.
    ServiceAreaId;
    // rooms and bookings
    /// A room 空间.
    RoomId;
    /// A bookable slot 时段.
    SlotId;
    /// A stock: something that runs out.
    StockId;
    /// A claim on stocks; also the id of the booking, order or redemption that it is for.
    ClaimId;
    /// A booking 预约; also the id of the claim it holds.
    BookingId;
    /// A place on a waiting list 候补; also the id of what is offered to it, and of the booking that comes of it.
    WaitlistEntryId;
    /// A series of bookings.
    BookingSeriesId;
    /// A rule that limits how much one may book.
    QuotaRuleId;
    /// A payment for a booking.
    PaymentId;
    /// A message to a resident.
    MessageId;
    /// A time when a room is closed.
    RoomClosureId;
    /// A calendar feed that a resident subscribed to.
    CalendarFeedId;
    // residents
    /// A resident 居民.
    ResidentId;
    /// A household 家庭.
    HouseholdId;
    /// A family link 亲情代办.
    FamilyLinkId;
    /// A consent a resident gave, scoped and revocable.
    ConsentId;
    /// A signed-in session (a family of rotating refresh tokens).
    SessionId;
    // staff
    /// A staff account.
    StaffId;
    /// An organisation 组织: city, district, street, community or operator.
    OrganisationId;
    /// A role given to a staff account at an organisation.
    AssignmentId;
    /// An audit entry.
    AuditId;
}

impl From<BookingId> for ClaimId {
    fn from(id: BookingId) -> Self {
        Self(id.0)
    }
}
