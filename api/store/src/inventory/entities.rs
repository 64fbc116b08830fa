//! The rows of the engine.

/// The stock table.
pub mod stock {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "stock")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Unit of loading in the gate.
        pub tag: String,
        /// What runs out: `room_cell`, `slot_seats`.
        pub subject: String,
        /// Units there are.
        pub capacity: i32,
        /// Units that live claims hold.
        pub used: i32,
        /// Whether it may be claimed.
        pub open: bool,
        /// Grows with every change.
        pub version: i64,
        /// How many wait for it.
        pub waiting: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The claim table.
pub mod claim {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "claim")]
    pub struct Model {
        /// Id, which is also the id of what it is for.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Who claims.
        pub principal: String,
        /// Names it to the gate.
        pub digest: String,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// When it lapses by itself, if it does.
        pub expires_at: Option<DateTimeUtc>,
        /// When it was given back; a claim without is live.
        pub ended_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a claim holds of each stock.
pub mod claim_stock {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "claim_stock")]
    pub struct Model {
        /// Which claim.
        #[sea_orm(primary_key, auto_increment = false)]
        pub claim_id: Uuid,
        /// Which stock.
        #[sea_orm(primary_key, auto_increment = false)]
        pub stock_id: Uuid,
        /// How many units.
        pub units: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The quota table.
pub mod quota {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "quota")]
    pub struct Model {
        /// Which rule counts whom.
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        /// Which window of it.
        #[sea_orm(primary_key, auto_increment = false)]
        pub window: String,
        /// Units that claims took and did not give back.
        pub used: i32,
        /// The limit the last admitted claim was judged by.
        pub allowed: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a claim took of each quota; gone when it was given back.
pub mod claim_quota {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "claim_quota")]
    pub struct Model {
        /// Which claim.
        #[sea_orm(primary_key, auto_increment = false)]
        pub claim_id: Uuid,
        /// Which rule counts whom.
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        /// Which window of it.
        #[sea_orm(primary_key, auto_increment = false)]
        pub window: String,
        /// How many units.
        pub units: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who waits for something.
pub mod waiting {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "waiting")]
    pub struct Model {
        /// Id, also of the claim that is offered.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Who waits.
        pub principal: String,
        /// Who has the lower one is asked first.
        pub ticket: i64,
        /// Where they stand.
        pub state: String,
        /// Why they were passed over last.
        pub passed_over: Option<String>,
        /// After that nothing is offered any more.
        pub closes_at: DateTimeUtc,
        /// When it was offered.
        pub offered_at: Option<DateTimeUtc>,
        /// Until when it is kept for them.
        pub offer_until: Option<DateTimeUtc>,
        /// When they stopped waiting.
        pub ended_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What somebody waits for.
pub mod waiting_stock {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "waiting_stock")]
    pub struct Model {
        /// Who waits.
        #[sea_orm(primary_key, auto_increment = false)]
        pub waiting_id: Uuid,
        /// For which stock.
        #[sea_orm(primary_key, auto_increment = false)]
        pub stock_id: Uuid,
        /// For how many units.
        pub units: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What having it would count against.
pub mod waiting_quota {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "waiting_quota")]
    pub struct Model {
        /// Who waits.
        #[sea_orm(primary_key, auto_increment = false)]
        pub waiting_id: Uuid,
        /// Which rule counts whom.
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        /// Which window of it.
        #[sea_orm(primary_key, auto_increment = false)]
        pub window: String,
        /// How many units.
        pub units: i32,
        /// How many the window allows.
        pub allowed: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
