//! The rows of bookings.

/// The booking table.
pub mod booking {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking")]
    pub struct Model {
        /// Id, also of its claim, if it has or had one.
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
        /// Who booked, when it was a resident.
        pub booked_by_resident_id: Option<Uuid>,
        /// Who booked, when it was staff.
        pub booked_by_staff_id: Option<Uuid>,
        /// Through which door.
        pub channel: String,
        /// How many come.
        pub party_size: i32,
        /// What for, sealed.
        pub purpose_sealed: Option<Vec<u8>>,
        /// What for, as it lay open before such texts were sealed; until `vault.seal` has come by.
        pub purpose_open: Option<String>,
        /// The names of those who come along, a JSON list, sealed.
        pub companions_sealed: Option<Vec<u8>>,
        /// When the first slot starts.
        pub starts_at: DateTimeUtc,
        /// When the last slot ends.
        pub ends_at: DateTimeUtc,
        /// Until when the resident can cancel freely, by the rules it was booked under.
        pub cancel_until: DateTimeUtc,
        /// What cancelling after that is, by the same rules.
        pub late_cancel: String,
        /// What it costs.
        pub price_fen: i32,
        /// Name of the state.
        pub state: String,
        /// Until when a pending booking holds its room.
        pub kept_until: Option<DateTimeUtc>,
        /// When a pending booking lapses.
        pub lapses_at: Option<DateTimeUtc>,
        /// When it was cancelled or declined, or lapsed.
        pub ended_at: Option<DateTimeUtc>,
        /// Who cancelled, when it was a resident.
        pub ended_by_resident_id: Option<Uuid>,
        /// Who cancelled or declined, when it was staff.
        pub ended_by_staff_id: Option<Uuid>,
        /// Whether it was cancelled because the room closes.
        pub by_closure: bool,
        /// Whether it was cancelled late.
        pub late: bool,
        /// Why it was cancelled or declined, sealed.
        pub reason_sealed: Option<Vec<u8>>,
        /// Why, as it lay open; see `purpose_open`.
        pub reason_open: Option<String>,
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

/// Every change of a booking.
pub mod booking_change {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_change")]
    pub struct Model {
        /// Booking.
        #[sea_orm(primary_key, auto_increment = false)]
        pub booking_id: Uuid,
        /// The booking's version that the change made.
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        /// What happened.
        pub change: String,
        /// When the booking starts since.
        pub starts_at: DateTimeUtc,
        /// When it ends since.
        pub ends_at: DateTimeUtc,
        /// Until when it is kept since.
        pub kept_until: Option<DateTimeUtc>,
        /// What it costs.
        pub price_fen: i32,
        /// When it happened.
        pub at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A quarter of an hour of a resident that a booking takes.
pub mod booking_presence {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_presence")]
    pub struct Model {
        /// Who.
        #[sea_orm(primary_key, auto_increment = false)]
        pub resident_id: Uuid,
        /// When the quarter begins.
        #[sea_orm(primary_key, auto_increment = false)]
        pub starts_at: DateTimeUtc,
        /// Which booking.
        pub booking_id: Uuid,
        /// When the booking lapses, if it does.
        pub lapses_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The policy of a room.
pub mod booking_policy {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_policy")]
    pub struct Model {
        /// Room.
        #[sea_orm(primary_key, auto_increment = false)]
        pub room_id: Uuid,
        /// How a booking becomes firm.
        pub approval: String,
        /// What a booking costs.
        pub price_fen: i32,
        /// How long it is kept for a payment.
        pub pay_within_minutes: i32,
        /// How long it is kept for a decision.
        pub decide_within_minutes: i32,
        /// What a late cancellation is.
        pub late_cancel: String,
        /// Whether one can be nowhere else at the time.
        pub one_place: bool,
        /// Units of a shared slot that only staff give.
        pub reserved_units: i32,
        /// Grows with every edit.
        pub version: i64,
        /// When it was last edited.
        pub updated_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A rule on how much one may book.
pub mod quota_rule {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "quota_rule")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Where it stands in the organisation tree: whose it is.
        pub org_path: String,
        /// What it is called, in Chinese.
        pub name_zh: String,
        /// In English.
        pub name_en: Option<String>,
        /// Whose bookings it counts.
        pub subject: String,
        /// Over which span.
        pub period: String,
        /// Counted how.
        pub measure: String,
        /// At most so much.
        pub most: i32,
        /// Over what: `room`, `facility`, `service_area`, `organisation`.
        pub over_kind: String,
        /// Which one.
        pub over_id: Uuid,
        /// Whether a booking cancelled late still counts.
        pub late_cancel_counts: bool,
        /// Grows with every edit.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// When it was last edited.
        pub updated_at: DateTimeUtc,
        /// When it stopped to apply.
        pub ended_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A message to a resident.
pub mod message {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "message")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// To whom.
        pub resident_id: Uuid,
        /// About which booking.
        pub booking_id: Uuid,
        /// About which change of it.
        pub booking_version: i64,
        /// What happened.
        pub change: String,
        /// Facility and room as they were called.
        pub place: String,
        /// When the booking starts.
        pub starts_at: DateTimeUtc,
        /// When it ends.
        pub ends_at: DateTimeUtc,
        /// Until when it is kept.
        pub kept_until: Option<DateTimeUtc>,
        /// What it costs.
        pub price_fen: i32,
        /// When it happened.
        pub created_at: DateTimeUtc,
        /// When the resident saw it.
        pub read_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What was paid for a booking.
pub mod payment {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Booking.
        pub booking_id: Uuid,
        /// Who took it: `counter`.
        pub provider: String,
        /// How: `cash` or `card`.
        pub method: String,
        /// How much.
        pub amount_fen: i32,
        /// Who recorded it.
        pub received_by_staff_id: Uuid,
        /// When.
        pub received_at: DateTimeUtc,
        /// Who gave it back.
        pub refunded_by_staff_id: Option<Uuid>,
        /// When.
        pub refunded_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A calendar feed of a resident.
pub mod calendar_feed {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "calendar_feed")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Whose.
        pub resident_id: Uuid,
        /// SHA-256 of the secret in its address, hexadecimal.
        pub digest: String,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// When it was taken back.
        pub revoked_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The booking_series table.
pub mod booking_series {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_series")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Room.
        pub room_id: Uuid,
        /// What becomes of it when some weeks cannot be had.
        pub mode: String,
        /// When it was made.
        pub created_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The weeks of series.
pub mod series_occurrence {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "series_occurrence")]
    pub struct Model {
        /// Series.
        #[sea_orm(primary_key, auto_increment = false)]
        pub series_id: Uuid,
        /// Which week, from 0.
        #[sea_orm(primary_key, auto_increment = false)]
        pub week: i16,
        /// When it starts.
        pub starts_at: DateTimeUtc,
        /// When it ends, not included.
        pub ends_at: DateTimeUtc,
        /// The booking that came of it.
        pub booking_id: Option<Uuid>,
        /// The code it was refused with.
        pub refused: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
