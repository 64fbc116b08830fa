//! What rooms ask of bookings: their policies, and the quota rules that apply to them.

use std::collections::HashMap;

use chrono::Duration;
use linli_domain::{
    Code, Vocabulary,
    access::Scope,
    bookings::{
        Approval, LateCancel, Policy,
        quota::{MAX_RULES, QuotaMeasure, QuotaOver, QuotaSubject, Rule, share_key},
    },
    ids::{QuotaRuleId, ResidentId, RoomId},
    inventory::Period,
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, FromQueryResult, QueryOrder, QuerySelect, Statement,
    entity::prelude::*, sea_query::OnConflict,
};

use super::{booking_policy, quota_rule};
use crate::{Env, Error, ScopeCondition, inventory::quota as quota_counter, storage::rooms::Room};

/// The policy of a room with its version; 0 when nobody wrote one.
pub async fn policy(conn: &impl ConnectionTrait, room: RoomId) -> Result<(Policy, i64), Error> {
    let Some(row) = booking_policy::Entity::find_by_id(room.0).one(conn).await? else {
        return Ok((Policy::default(), 0));
    };
    let defect = || Error::internal("reading a booking policy", "a value is out of range");
    let policy = Policy {
        approval: Approval::parse(&row.approval).ok_or_else(defect)?,
        price_fen: u32::try_from(row.price_fen).map_err(|_| defect())?,
        pay_within: Duration::minutes(row.pay_within_minutes.into()),
        decide_within: Duration::minutes(row.decide_within_minutes.into()),
        late_cancel: LateCancel::parse(&row.late_cancel).ok_or_else(defect)?,
        one_place: row.one_place,
        reserved_units: u16::try_from(row.reserved_units).map_err(|_| defect())?,
    };
    Ok((policy, row.version))
}

/// Writes the policy of a room that is still at `version`.
pub async fn write_policy(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: RoomId,
    policy: &Policy,
    version: i64,
) -> Result<(), Error> {
    use booking_policy::{ActiveModel, Column, Entity};
    let minutes = |time: Duration| i32::try_from(time.num_minutes()).unwrap_or(i32::MAX);
    let row = ActiveModel {
        room_id: Set(room.0),
        approval: Set(policy.approval.as_str().to_owned()),
        price_fen: Set(super::row::fen(policy.price_fen)),
        pay_within_minutes: Set(minutes(policy.pay_within)),
        decide_within_minutes: Set(minutes(policy.decide_within)),
        late_cancel: Set(policy.late_cancel.as_str().to_owned()),
        one_place: Set(policy.one_place),
        reserved_units: Set(policy.reserved_units.into()),
        version: Set(version + 1),
        updated_at: Set(env.now()),
    };
    let written = if version == 0 {
        let first = OnConflict::column(Column::RoomId).do_nothing().to_owned();
        Entity::insert(row).on_conflict(first).exec_without_returning(tx).await?
    } else {
        let still =
            Entity::update_many().filter(Column::RoomId.eq(room.0)).filter(Column::Version.eq(version));
        still.set(ActiveModel { room_id: sea_orm::NotSet, ..row }).exec(tx).await?.rows_affected
    };
    if written == 1 { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
}

impl TryFrom<quota_rule::Model> for Rule {
    type Error = Error;

    fn try_from(row: quota_rule::Model) -> Result<Self, Error> {
        let defect = || Error::internal("reading a quota rule", "a word is unknown");
        Ok(Self {
            id: row.id.into(),
            name_zh: row.name_zh,
            name_en: row.name_en,
            subject: QuotaSubject::parse(&row.subject).ok_or_else(defect)?,
            period: Period::parse(&row.period).ok_or_else(defect)?,
            measure: QuotaMeasure::parse(&row.measure).ok_or_else(defect)?,
            limit: u32::try_from(row.most).map_err(|_| defect())?,
            late_cancel_counts: row.late_cancel_counts,
        })
    }
}

/// The rules that count the bookings of a room.
pub async fn any_rules_of(conn: &impl ConnectionTrait, room: &Room) -> Result<Vec<Rule>, Error> {
    const SQL: &str = "SELECT quota_rule.* FROM quota_rule WHERE ended_at IS NULL AND ( \
           (over_kind = 'room' AND over_id = $1) OR (over_kind = 'facility' AND over_id = $2) \
           OR (over_kind = 'organisation' AND $3 LIKE org_path || '%') \
           OR (over_kind = 'service_area' AND over_id IN (SELECT member.service_area_id \
             FROM service_area_member member JOIN organisation ON organisation.id = member.organisation_id \
             WHERE $3 LIKE organisation.path || '%'))) \
         ORDER BY id LIMIT $4";
    let most = i64::try_from(MAX_RULES).unwrap_or(i64::MAX);
    let values = [room.id.0.into(), room.facility_id.0.into(), room.org_path.clone().into(), most.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), SQL, values);
    let rows = quota_rule::Model::find_by_statement(statement).all(conn).await?;
    rows.into_iter().map(Rule::try_from).collect()
}

/// A rule in scope, whether or not it still applies.
pub async fn find_rule(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    id: QuotaRuleId,
) -> Result<Option<quota_rule::Model>, Error> {
    let in_scope = scope.condition(quota_rule::Column::OrgPath);
    Ok(quota_rule::Entity::find_by_id(id.0).filter(in_scope).one(conn).await?)
}

/// The rules in scope that apply, by id.
pub async fn list_rules(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<quota_rule::Model>, Error> {
    use quota_rule::Column;
    let mut query = quota_rule::Entity::find()
        .filter(scope.condition(Column::OrgPath))
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    Ok(query.all(conn).await?)
}

/// How many rules already apply to the same thing.
pub async fn count_rules(conn: &impl ConnectionTrait, over: QuotaOver, id: Uuid) -> Result<u64, Error> {
    use quota_rule::Column;
    let same = quota_rule::Entity::find()
        .filter(Column::OverKind.eq(over.as_str()))
        .filter(Column::OverId.eq(id))
        .filter(Column::EndedAt.is_null());
    Ok(sea_orm::PaginatorTrait::count(same, conn).await?)
}

/// How many units of shared slots went through the online door, by slot.
pub async fn online_used(
    conn: &impl ConnectionTrait,
    slots: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, u32>, Error> {
    let keys: HashMap<String, Uuid> = slots.map(|slot| (share_key(slot.into()), slot)).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let counted = quota_counter::Entity::find()
        .filter(quota_counter::Column::Key.is_in(keys.keys().cloned()))
        .all(conn)
        .await?;
    let used =
        counted.into_iter().filter_map(|row| Some((*keys.get(&row.key)?, u32::try_from(row.used).ok()?)));
    Ok(used.collect())
}

/// The household of a resident, if staff have verified one.
pub async fn household_of(
    conn: &impl ConnectionTrait,
    resident: ResidentId,
) -> Result<Option<linli_domain::ids::HouseholdId>, Error> {
    use crate::storage::residents::household_member;
    let row = household_member::Entity::find_by_id(resident.0).one(conn).await?;
    Ok(row.map(|row| row.household_id.into()))
}
