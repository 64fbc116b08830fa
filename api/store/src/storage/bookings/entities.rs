//! The rows of bookings.

/// The booking table.
pub mod booking {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking")]
    pub struct Model {
        /// Id, also of its claim.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Room.
        pub room_id: Uuid,
        /// Facility the room is in.
        pub facility_id: Uuid,
        /// That facility's place in the organisation tree.
        pub org_path: String,
        /// Who comes.
        pub resident_id: Uuid,
        /// How many come.
        pub party_size: i32,
        /// What for.
        pub purpose: Option<String>,
        /// When the first slot starts.
        pub starts_at: DateTimeUtc,
        /// When the last slot ends.
        pub ends_at: DateTimeUtc,
        /// Until when the resident can cancel, by the rules it was booked under.
        pub cancel_until: DateTimeUtc,
        /// Name of the state.
        pub state: String,
        /// When it was cancelled.
        pub cancelled_at: Option<DateTimeUtc>,
        /// `resident` or `staff`.
        pub cancelled_by_kind: Option<String>,
        /// Which one.
        pub cancelled_by_id: Option<Uuid>,
        /// Why.
        pub cancel_reason: Option<String>,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// Grows with every move.
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which slots a booking joins.
pub mod booking_slot {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_slot")]
    pub struct Model {
        /// Booking.
        #[sea_orm(primary_key, auto_increment = false)]
        pub booking_id: Uuid,
        /// Slot.
        #[sea_orm(primary_key, auto_increment = false)]
        pub slot_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
