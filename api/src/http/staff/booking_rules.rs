//! What rooms ask of bookings: the policy of a room, and quota rules.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Code, Vocabulary,
    access::perm,
    bookings::{
        Approval, LateCancel, Policy,
        quota::{QuotaMeasure, QuotaOver, QuotaSubject},
    },
    ids::{QuotaRuleId, RoomId},
    inventory::Period,
    time::local,
};
use linli_store::{
    idempotency::{Begun, Stored},
    storage::bookings::quota_rule,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::ToJSON,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::{
        bookings::{quota_rules, settings},
        staff::sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        idempotency::Idempotent,
        paging,
        stored::StoredJson,
        v1::auth::Done,
        word::Word,
    },
};

/// Policies and quota rules.
pub struct BookingRules;

/// What a room asks of its bookings
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct BookingPolicy {
    /// How a booking becomes firm.
    approval: Word<Approval>,
    /// What one booking costs; 0 is free.
    price_fen: i32,
    /// How long the room is kept for somebody who has to pay.
    pay_within_minutes: i32,
    /// How long the room is kept for a request that staff decide on.
    decide_within_minutes: i32,
    /// What cancelling is after the deadline and before the start.
    late_cancel: Word<LateCancel>,
    /// Whether a resident with a booking here can be nowhere else at the time.
    one_place: bool,
    /// Units of each shared slot that only staff give: by telephone, at the counter, to walk-ins.
    reserved_units: i32,
}

/// The policy of a room.
#[derive(ApiResponse)]
pub enum PolicyAnswer {
    /// The policy.
    #[oai(status = 200)]
    Ok(Json<BookingPolicy>, #[oai(header = "ETag")] String),
}

/// A rule on how much one may book, to be made
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewQuotaRule {
    /// What kind of thing the rule is over.
    over: Word<QuotaOver>,
    /// Which room, facility, service area or organisation.
    over_id: Uuid,
    /// Whose bookings it counts together.
    per: Word<QuotaSubject>,
    period: Word<Period>,
    measure: Word<QuotaMeasure>,
    /// At most so much in a period.
    limit: i32,
    /// What residents read when it is used up.
    name_zh: String,
    /// The same in English.
    name_en: Option<String>,
    /// Whether a booking that is cancelled late still counts.
    late_cancel_counts: bool,
}

/// What of a rule changes
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct QuotaRuleChange {
    /// At most so much in a period.
    limit: i32,
    /// What residents read when it is used up.
    name_zh: String,
    /// The same in English.
    name_en: Option<String>,
    /// Whether a booking that is cancelled late still counts.
    late_cancel_counts: bool,
}

/// A rule on how much one may book
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct QuotaRule {
    id: String,
    over: Word<QuotaOver>,
    over_id: String,
    per: Word<QuotaSubject>,
    period: Word<Period>,
    measure: Word<QuotaMeasure>,
    limit: i32,
    name_zh: String,
    name_en: Option<String>,
    late_cancel_counts: bool,
    version: i64,
    created_at: DateTime<FixedOffset>,
}

/// A page of rules
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct QuotaRules {
    items: Vec<QuotaRule>,
    /// Send it back as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
}

/// A rule was made.
#[derive(ApiResponse)]
pub enum QuotaRuleMade {
    /// The rule.
    #[oai(status = 201)]
    Created(
        StoredJson<QuotaRule>,
        #[oai(header = "ETag")] String,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

/// A rule.
#[derive(ApiResponse)]
pub enum QuotaRuleAnswer {
    /// The rule.
    #[oai(status = 200)]
    Ok(Json<QuotaRule>, #[oai(header = "ETag")] String),
}

#[OpenApi(tag = "Tag::BookingRules")]
impl BookingRules {
    /// Shows what a room asks of its bookings
    #[oai(path = "/rooms/:id/booking-policy", method = "get", operation_id = "staffGetBookingPolicy")]
    async fn policy(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomRead>,
        id: Path<Uuid>,
    ) -> Result<PolicyAnswer, Problem> {
        let found = settings::get(&app, &staff.scope, RoomId(id.0)).await;
        let (policy, version) = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        Ok(PolicyAnswer::Ok(Json(policy.into()), etag(version)))
    }

    /// Replaces what a room asks of its bookings
    ///
    /// It applies to bookings made from now on; a room nobody wrote a policy for is at version 0.
    #[oai(path = "/rooms/:id/booking-policy", method = "put", operation_id = "staffReplaceBookingPolicy")]
    async fn replace_policy(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<BookingPolicy>,
    ) -> Result<PolicyAnswer, Problem> {
        let new = settings::NewPolicy {
            approval: body.approval.0,
            price_fen: body.price_fen,
            pay_within_minutes: body.pay_within_minutes,
            decide_within_minutes: body.decide_within_minutes,
            late_cancel: body.late_cancel.0,
            one_place: body.one_place,
            reserved_units: body.reserved_units,
        };
        let by = (staff.id, &staff.scope);
        let done = settings::replace(&app, by, RoomId(id.0), new, if_match.0.0).await;
        let (policy, version) = judge(&app, &staff, (Thing::Room, id.0), done).await?;
        Ok(PolicyAnswer::Ok(Json(policy.into()), etag(version)))
    }

    /// Lists quota rules
    #[oai(path = "/quota-rules", method = "get", operation_id = "staffListQuotaRules")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomRead>,
        /// Rules on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<QuotaRules>, Problem> {
        let filters = ("quota_rules", staff.id);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let rows = quota_rules::list(&app, &staff.scope, after, limit).await?;
        let (page, next) = paging::cut(rows, limit, |row| row.id);
        let items = page.into_iter().map(render).collect::<Result<_, _>>()?;
        Ok(Json(QuotaRules { items, next_cursor: next.map(|at| paging::seal(&app, &filters, at)) }))
    }

    /// Makes a quota rule
    #[oai(path = "/quota-rules", method = "post", operation_id = "staffCreateQuotaRule")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewQuotaRule>,
    ) -> Result<QuotaRuleMade, Problem> {
        let body = body.0;
        let new = quota_rules::NewRule {
            over: body.over.0,
            over_id: body.over_id,
            subject: body.per.0,
            period: body.period.0,
            measure: body.measure.0,
            change: quota_rules::RuleChange {
                name_zh: body.name_zh,
                name_en: body.name_en,
                limit: body.limit,
                late_cancel_counts: body.late_cancel_counts,
            },
        };
        let over = match new.over {
            QuotaOver::Room => Thing::Room,
            QuotaOver::Facility => Thing::Facility,
            QuotaOver::ServiceArea => Thing::ServiceArea,
            QuotaOver::Organisation => Thing::Organisation,
        };
        let kind = new.over;
        let draft = quota_rules::draft(&app, new)?;
        let request = key.record(format!("staff:{}", staff.id), "quota_rules.create");
        let answer = render(draft.clone())?.to_json().ok_or(Code::Internal)?;
        let (by, stored) = ((staff.id, &staff.scope), Stored { status: 201, answer });
        let done = quota_rules::create(&app, by, (kind, &draft), &request, &stored).await;
        let (body, replayed) = match judge(&app, &staff, (over, draft.over_id), done).await? {
            Begun::Fresh => (stored.answer, None),
            Begun::Replay(earlier) => (earlier.answer, Some(true)),
        };
        Ok(QuotaRuleMade::Created(StoredJson::new(body), etag(draft.version), replayed))
    }

    /// Changes a quota rule
    ///
    /// What is counted already stays counted.
    #[oai(path = "/quota-rules/:id", method = "put", operation_id = "staffChangeQuotaRule")]
    async fn change(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<QuotaRuleChange>,
    ) -> Result<QuotaRuleAnswer, Problem> {
        let QuotaRuleChange { limit, name_zh, name_en, late_cancel_counts } = body.0;
        let change = quota_rules::RuleChange { name_zh, name_en, limit, late_cancel_counts };
        let by = (staff.id, &staff.scope);
        let done = quota_rules::change(&app, by, QuotaRuleId(id.0), change, if_match.0.0).await;
        let row = judge(&app, &staff, (Thing::QuotaRule, id.0), done).await?;
        let tag = etag(row.version);
        Ok(QuotaRuleAnswer::Ok(Json(render(row)?), tag))
    }

    /// Ends a quota rule
    #[oai(path = "/quota-rules/:id", method = "delete", operation_id = "staffEndQuotaRule")]
    async fn end(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
    ) -> Result<Done, Problem> {
        let done = quota_rules::end(&app, (staff.id, &staff.scope), QuotaRuleId(id.0), if_match.0.0).await;
        judge(&app, &staff, (Thing::QuotaRule, id.0), done).await?;
        Ok(Done::Done)
    }
}

impl From<Policy> for BookingPolicy {
    fn from(policy: Policy) -> Self {
        let minutes = |time: chrono::Duration| i32::try_from(time.num_minutes()).unwrap_or(i32::MAX);
        Self {
            approval: Word(policy.approval),
            price_fen: i32::try_from(policy.price_fen).unwrap_or(i32::MAX),
            pay_within_minutes: minutes(policy.pay_within),
            decide_within_minutes: minutes(policy.decide_within),
            late_cancel: Word(policy.late_cancel),
            one_place: policy.one_place,
            reserved_units: policy.reserved_units.into(),
        }
    }
}

fn render(row: quota_rule::Model) -> Result<QuotaRule, Code> {
    fn word<V: Vocabulary>(name: &str) -> Result<Word<V>, Code> {
        V::parse(name).map(Word).ok_or(Code::Internal)
    }
    Ok(QuotaRule {
        id: row.id.to_string(),
        over: word(&row.over_kind)?,
        over_id: row.over_id.to_string(),
        per: word(&row.subject)?,
        period: word(&row.period)?,
        measure: word(&row.measure)?,
        limit: row.most,
        name_zh: row.name_zh,
        name_en: row.name_en,
        late_cancel_counts: row.late_cancel_counts,
        version: row.version,
        created_at: local(row.created_at),
    })
}
