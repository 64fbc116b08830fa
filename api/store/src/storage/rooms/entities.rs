//! The rows of rooms.

/// The room table.
pub mod room {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "room")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Facility it is in.
        pub facility_id: Uuid,
        /// That facility's place in the organisation tree.
        pub org_path: String,
        /// The room it is a part of, if it is one.
        pub part_of: Option<Uuid>,
        /// What it is called.
        pub name: String,
        /// What one should know before coming.
        pub description: Option<String>,
        /// Length of a cell.
        pub grid_minutes: i16,
        /// People that fit.
        pub max_party_size: i32,
        /// Bookable until this long before the start.
        pub lead_minutes: i32,
        /// Bookable from this many days before the date.
        pub horizon_days: i32,
        /// Can be cancelled until this long before the start.
        pub cancel_until_minutes: i32,
        /// Grows with every edit.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// When it was last edited.
        pub updated_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The slot table.
pub mod slot {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "slot")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Room.
        pub room_id: Uuid,
        /// Local date.
        pub on_date: Date,
        /// When it starts.
        pub starts_at: DateTimeUtc,
        /// When it ends, not included.
        pub ends_at: DateTimeUtc,
        /// How many people share it, if it is not for one party alone.
        pub seats: Option<i32>,
        /// When it was published.
        pub published_at: DateTimeUtc,
        /// What the room is then, where a band says so.
        pub function: Option<String>,
        /// What the centre calls it.
        pub title: Option<String>,
        /// Since when it is on offer no more.
        pub withdrawn_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The room_bands table.
pub mod room_bands {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "room_bands")]
    pub struct Model {
        /// Room.
        #[sea_orm(primary_key, auto_increment = false)]
        pub room_id: Uuid,
        /// Its bands, in the form that `linli_domain::rooms::bands` reads.
        pub bands: Json,
        /// Last local date that is published.
        pub published_to: Option<Date>,
        /// Whether something could not be published because somebody has the room.
        pub waiting: bool,
        /// Grows with every edit.
        pub version: i64,
        /// When it was last edited.
        pub updated_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The room_closure table.
pub mod room_closure {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "room_closure")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Which room, with its parts.
        pub room_id: Uuid,
        /// From when.
        pub starts_at: DateTimeUtc,
        /// Until when, not included.
        pub ends_at: DateTimeUtc,
        /// Why, for colleagues.
        pub reason: Option<String>,
        /// Who closed.
        pub closed_by_staff_id: Uuid,
        /// When they did.
        pub created_at: DateTimeUtc,
        /// When it was taken back.
        pub reopened_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The stock of each published cell of a room.
pub mod room_cell {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "room_cell")]
    pub struct Model {
        /// Room.
        #[sea_orm(primary_key, auto_increment = false)]
        pub room_id: Uuid,
        /// Local date.
        #[sea_orm(primary_key, auto_increment = false)]
        pub on_date: Date,
        /// Index on the grid.
        #[sea_orm(primary_key, auto_increment = false)]
        pub cell: i16,
        /// Its stock.
        pub stock_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which stocks a booking of a slot takes.
pub mod slot_cell {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "slot_cell")]
    pub struct Model {
        /// Slot.
        #[sea_orm(primary_key, auto_increment = false)]
        pub slot_id: Uuid,
        /// Stock.
        #[sea_orm(primary_key, auto_increment = false)]
        pub stock_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
