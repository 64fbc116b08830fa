//! Quota rules, as staff write them: over a room, a facility, a service area or an organisation.

use linli_domain::{
    Code, FieldErrors, Refusal, Vocabulary,
    access::Scope,
    bookings::{
        quota::{MAX_LIMIT, MAX_RULES, QuotaMeasure, QuotaOver, QuotaSubject},
        short_text,
    },
    ids::{FacilityId, OrganisationId, QuotaRuleId, RoomId, StaffId},
    inventory::Period,
};
use linli_store::{
    Error, ScopeCondition, Tx,
    audit::{self, Actor, Entry},
    idempotency::{self, Begun},
    storage::{
        bookings::{policies, quota_rule},
        facilities, rooms,
        staff::service_area,
    },
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use crate::{App, app::staff::organisations::open_in_scope};

/// A rule as it is asked for.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// QuotaOver what.
    pub over: QuotaOver,
    /// Which one.
    pub over_id: Uuid,
    /// Whose bookings.
    pub subject: QuotaSubject,
    /// QuotaOver which span.
    pub period: Period,
    /// Counted how.
    pub measure: QuotaMeasure,
    /// The rest, which can change.
    pub change: RuleChange,
}

/// What of a rule can change.
#[derive(Clone, Debug)]
pub struct RuleChange {
    /// What it is called.
    pub name_zh: String,
    /// In English.
    pub name_en: Option<String>,
    /// At most so much.
    pub limit: i32,
    /// Whether a booking cancelled late still counts.
    pub late_cancel_counts: bool,
}

/// One row more than `limit` of the rules in scope.
pub async fn list(
    app: &App,
    scope: &Scope,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<quota_rule::Model>, Error> {
    policies::list_rules(app.db.read(), scope, after, u64::from(limit) + 1).await
}

/// The rule as it would be made, in a place not known yet: so its answer is known before the work.
pub fn draft(app: &App, new: NewRule) -> Result<quota_rule::Model, Refusal> {
    let change = parse(new.change)?;
    let now = app.env.now();
    Ok(quota_rule::Model {
        id: app.env.id::<QuotaRuleId>().0,
        org_path: String::new(),
        name_zh: change.name_zh,
        name_en: change.name_en,
        subject: new.subject.as_str().to_owned(),
        period: new.period.as_str().to_owned(),
        measure: new.measure.as_str().to_owned(),
        most: change.limit,
        over_kind: new.over.as_str().to_owned(),
        over_id: new.over_id,
        late_cancel_counts: change.late_cancel_counts,
        version: 1,
        created_at: now,
        updated_at: now,
        ended_at: None,
    })
}

/// Makes a rule over something in scope, once per idempotency key.
pub async fn create(
    app: &App,
    (staff, scope): (StaffId, &Scope),
    (over, draft): (QuotaOver, &quota_rule::Model),
    request: &idempotency::Request,
    answer: &idempotency::Stored,
) -> Result<Begun, Error> {
    let begun =
        idempotency::once(&app.db, &app.env, "quota_rules.create", request, answer, |tx| async move {
            let org_path = place(&tx, scope, over, draft.over_id).await?;
            let most = MAX_RULES as u64 / 2;
            if policies::count_rules(tx.conn(), over, draft.over_id).await? >= most {
                let (zh, en) = ("这里的限额规则太多了", "There are too many quota rules here.");
                return Err(Refusal::field("over_id", "too_many", zh, en).into());
            }
            let row = quota_rule::Model { org_path, ..draft.clone() };
            let active = quota_rule::ActiveModel::from(row.clone()).reset_all();
            quota_rule::Entity::insert(active).exec_without_returning(tx.conn()).await?;
            audit::record(tx.conn(), &app.env, entry(staff, "quota_rule.create", &row)).await?;
            Ok(tx)
        })
        .await?;
    app.bookings.terms.invalidate_all();
    Ok(begun)
}

/// Changes a rule in scope; what is counted already stays counted.
pub async fn change(
    app: &App,
    by: (StaffId, &Scope),
    id: QuotaRuleId,
    change: RuleChange,
    version: i64,
) -> Result<quota_rule::Model, Error> {
    let change = &parse(change)?;
    write(app, by, ("quota_rules.change", "quota_rule.change"), id, version, &|row| {
        row.name_zh.clone_from(&change.name_zh);
        row.name_en.clone_from(&change.name_en);
        row.most = change.limit;
        row.late_cancel_counts = change.late_cancel_counts;
    })
    .await
}

/// Ends a rule in scope.
pub async fn end(app: &App, by: (StaffId, &Scope), id: QuotaRuleId, version: i64) -> Result<(), Error> {
    let now = app.env.now();
    write(app, by, ("quota_rules.end", "quota_rule.end"), id, version, &|row| row.ended_at = Some(now))
        .await
        .map(drop)
}

async fn write(
    app: &App,
    (staff, scope): (StaffId, &Scope),
    (name, action): (&'static str, &'static str),
    id: QuotaRuleId,
    version: i64,
    edit: &(dyn Fn(&mut quota_rule::Model) + Sync),
) -> Result<quota_rule::Model, Error> {
    let row = app
        .db
        .in_tx(name, |tx| async move {
            let found = policies::find_rule(tx.conn(), scope, id).await?.filter(|row| row.ended_at.is_none());
            let mut row = found.ok_or(Code::NotFound)?;
            edit(&mut row);
            row.version = version + 1;
            row.updated_at = app.env.now();
            let written = quota_rule::Entity::update_many()
                .set(quota_rule::ActiveModel::from(row.clone()).reset_all())
                .filter(quota_rule::Column::Id.eq(id.0))
                .filter(quota_rule::Column::Version.eq(version))
                .exec(tx.conn())
                .await?;
            if written.rows_affected != 1 {
                return Err(Code::PreconditionFailed.into());
            }
            audit::record(tx.conn(), &app.env, entry(staff, action, &row)).await?;
            tx.commit(row).await
        })
        .await?;
    app.bookings.terms.invalidate_all();
    Ok(row)
}

/// Where the thing stands that a rule is over; outside the scope it is not found.
async fn place(tx: &Tx, scope: &Scope, over: QuotaOver, id: Uuid) -> Result<String, Error> {
    let conn = tx.conn();
    let path = match over {
        QuotaOver::Room => rooms::find(conn, scope, RoomId(id)).await?.map(|room| room.org_path),
        QuotaOver::Facility => {
            facilities::find(conn, scope, FacilityId(id)).await?.map(|found| found.org_path)
        }
        QuotaOver::Organisation => return Ok(open_in_scope(conn, scope, OrganisationId(id)).await?.path),
        QuotaOver::ServiceArea => service_area::Entity::find_by_id(id)
            .filter(scope.condition(service_area::Column::OrgPath))
            .one(conn)
            .await?
            .map(|area| area.org_path),
    };
    Ok(path.ok_or(Code::NotFound)?)
}

fn parse(change: RuleChange) -> Result<RuleChange, Refusal> {
    let mut wrong = FieldErrors::new();
    let most = i32::try_from(MAX_LIMIT).unwrap_or(i32::MAX);
    let (zh, en) = (format!("要在 0 到 {most} 之间"), format!("Between 0 and {most}."));
    wrong.require((0..=most).contains(&change.limit), "limit", "out_of_range", &zh, &en);
    let name_zh = wrong.nest("", short_text("name_zh", Some(change.name_zh))).flatten();
    wrong.require(name_zh.is_some(), "name_zh", "required", "请填写名称", "A rule has a name.");
    let name_en = wrong.nest("", short_text("name_en", change.name_en)).flatten();
    wrong.finish()?;
    Ok(RuleChange { name_zh: name_zh.unwrap_or_default(), name_en, ..change })
}

fn entry(staff: StaffId, action: &'static str, row: &quota_rule::Model) -> Entry {
    Entry {
        actor: Actor::Staff(staff),
        action,
        subject_kind: "quota_rule",
        subject_id: Some(row.id),
        org_path: row.org_path.clone(),
        detail: json!({ "limit": row.most, "period": row.period, "measure": row.measure }),
    }
}
