//! Seals over the audit: one chain of digests per organisation, made after the fact.
//!
//! The sealer takes the entries that carry no seal yet, whatever order they became visible in, and
//! closes each organisation's share with a digest over its entries and the seal before. Whoever
//! alters, adds or removes a sealed entry breaks the chain from there on; an entry that claims a
//! seal which is not there convicts itself. The last seal of a chain is only as safe as a copy of it
//! kept elsewhere, so every seal is also a log line.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use sea_orm::{
    ActiveValue::Set, Condition, ConnectionTrait, DbErr, PaginatorTrait, QueryOrder, QueryResult,
    QuerySelect, Statement, entity::prelude::*, sea_query::Expr,
};
use serde_json::Value;

use crate::{Db, Env, Error, audit};

/// The seal table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_seal")]
pub struct Model {
    /// Path of the organisation whose entries it covers.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: String,
    /// Number within the chain, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// Entries it covers.
    pub entries: i64,
    /// Digest of the seal before; empty for the first.
    pub previous: Vec<u8>,
    /// Digest over all of it.
    pub digest: Vec<u8>,
    /// When it was made.
    pub sealed_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Entries sealed in one step.
const BATCH: u64 = 500;
/// Seals checked with one query.
const PAGE: u64 = 200;

/// What a digest is over. While servers are replaced, both may be made in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As the first seals were made: without the time.
    Undated,
    /// The time it was made at, too.
    Dated,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The seal does not fit the entries it covers or the seal before: one was altered, added,
    /// removed or moved.
    DoesNotFit,
    /// Entries name a seal that is not there: somebody put them in, or took the seal out.
    NoSuchSeal,
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// The chain.
    pub chain: String,
    /// The seal.
    pub seq: i64,
    /// What is wrong.
    pub fault: Fault,
}

/// The last seal of a chain. Kept elsewhere, it shows later that nothing was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub chain: String,
    /// Number of the seal.
    pub seq: i64,
    /// Its digest.
    pub digest: Vec<u8>,
}

/// What a look at every chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Seals looked at.
    pub seals: u64,
    /// Entries they cover, as the seals count them.
    pub entries: u64,
    /// Entries that wait for their seal.
    pub waiting: u64,
    /// What is wrong, in the order of the chains.
    pub broken: Vec<Broken>,
    /// The last seal of each chain.
    pub heads: Vec<Head>,
}

/// Seals a batch of entries; `true` when there may be more. Run by one worker at a time: two would
/// collide on the number of a seal, and one of them would be undone.
pub async fn seal(db: &Db, env: &Env) -> Result<bool, Error> {
    db.in_tx("audit.seal", |tx| async move {
        let entries = audit::Entity::find()
            .filter(audit::Column::SealSeq.is_null())
            .order_by_asc(audit::Column::Id)
            .limit(BATCH)
            .all(tx.conn())
            .await?;
        let more = entries.len() as u64 == BATCH;
        let mut chains: BTreeMap<String, Vec<audit::Model>> = BTreeMap::new();
        for entry in entries {
            chains.entry(entry.org_path.clone()).or_default().push(entry);
        }
        for (chain, entries) in chains {
            close(tx.conn(), env, chain, &entries).await?;
        }
        tx.commit(more).await
    })
    .await
}

async fn close(
    tx: &impl ConnectionTrait,
    env: &Env,
    chain: String,
    entries: &[audit::Model],
) -> Result<(), DbErr> {
    let last =
        Entity::find().filter(Column::Chain.eq(chain.as_str())).order_by_desc(Column::Seq).one(tx).await?;
    let (seq, previous) = last.map_or((1, Vec::new()), |last| (last.seq + 1, last.digest));
    let sealed_at = env.now();
    let digest = digest_of(Form::Dated, &chain, seq, &previous, sealed_at, entries);
    tracing::info!(audit.seq = seq, audit.digest = hex::encode(&digest), "a part of the audit is sealed");
    let row = ActiveModel {
        chain: Set(chain),
        seq: Set(seq),
        entries: Set(i64::try_from(entries.len()).unwrap_or(i64::MAX)),
        previous: Set(previous),
        digest: Set(digest),
        sealed_at: Set(sealed_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    audit::Entity::update_many()
        .col_expr(audit::Column::SealSeq, Expr::value(seq))
        .filter(audit::Column::Id.is_in(entries.iter().map(|entry| entry.id)))
        .exec(tx)
        .await?;
    Ok(())
}

/// Checks every chain.
///
/// An entry is proved by its seal, so what waits for one is only counted. A chain that lost its last
/// seals together with their entries is whole in itself: only a [`Head`] kept elsewhere tells, see
/// [`is_there`].
pub async fn verify(conn: &impl ConnectionTrait) -> Result<Verdict, DbErr> {
    let mut verdict = Verdict::default();
    let mut before: Option<Model> = None;
    loop {
        let seals = page_after(conn, before.as_ref()).await?;
        if seals.is_empty() {
            break;
        }
        for seal in seals {
            verdict.seals += 1;
            verdict.entries += seal.entries.unsigned_abs();
            if !fits(conn, before.as_ref(), &seal).await? {
                let fault = Fault::DoesNotFit;
                verdict.broken.push(Broken { chain: seal.chain.clone(), seq: seal.seq, fault });
            }
            let head = Head { chain: seal.chain.clone(), seq: seal.seq, digest: seal.digest.clone() };
            match verdict.heads.last_mut() {
                Some(last) if last.chain == head.chain => *last = head,
                _ => verdict.heads.push(head),
            }
            before = Some(seal);
        }
    }
    verdict.broken.extend(uncovered(conn).await?);
    verdict.broken.sort();
    verdict.waiting = audit::Entity::find().filter(audit::Column::SealSeq.is_null()).count(conn).await?;
    Ok(verdict)
}

/// Whether a seal of this digest is there.
pub async fn is_there(conn: &impl ConnectionTrait, digest: &[u8]) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::Digest.eq(digest)).one(conn).await?.is_some())
}

async fn page_after(conn: &impl ConnectionTrait, before: Option<&Model>) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_asc(Column::Chain).order_by_asc(Column::Seq).limit(PAGE);
    if let Some(last) = before {
        let later = Column::Chain.gt(last.chain.as_str());
        let same = Condition::all().add(Column::Chain.eq(last.chain.as_str())).add(Column::Seq.gt(last.seq));
        query = query.filter(Condition::any().add(later).add(same));
    }
    query.all(conn).await
}

/// Seals that entries name and that are not there. One statement, so that a seal made meanwhile is
/// seen with its entries or not at all.
async fn uncovered(conn: &impl ConnectionTrait) -> Result<Vec<Broken>, DbErr> {
    let sql = "SELECT a.org_path, a.seal_seq FROM audit a \
               LEFT JOIN audit_seal s ON s.chain = a.org_path AND s.seq = a.seal_seq \
               WHERE a.seal_seq IS NOT NULL AND s.seq IS NULL GROUP BY a.org_path, a.seal_seq";
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await?;
    let broken = |row: &QueryResult| {
        let (chain, seq) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(Broken { chain, seq, fault: Fault::NoSuchSeal })
    };
    rows.iter().map(broken).collect()
}

async fn fits(conn: &impl ConnectionTrait, before: Option<&Model>, seal: &Model) -> Result<bool, DbErr> {
    let entries = audit::Entity::find()
        .filter(audit::Column::OrgPath.eq(seal.chain.as_str()))
        .filter(audit::Column::SealSeq.eq(seal.seq))
        .order_by_asc(audit::Column::Id)
        .all(conn)
        .await?;
    let before = before.filter(|before| before.chain == seal.chain);
    let (seq, previous) = before.map_or((1, &[][..]), |before| (before.seq + 1, &before.digest[..]));
    Ok(seal.seq == seq
        && seal.previous == previous
        && usize::try_from(seal.entries) == Ok(entries.len())
        && seal.is_over(&entries))
}

impl Model {
    fn is_over(&self, entries: &[audit::Model]) -> bool {
        let Self { chain, seq, previous, sealed_at, .. } = self;
        let fits = |form| self.digest == digest_of(form, chain, *seq, previous, *sealed_at, entries);
        fits(Form::Dated) || fits(Form::Undated)
    }
}

fn digest_of(
    form: Form,
    chain: &str,
    seq: i64,
    previous: &[u8],
    sealed_at: DateTimeUtc,
    entries: &[audit::Model],
) -> Vec<u8> {
    let mut digest = Context::new(&SHA256);
    // Every part with its length, so that no two contents read the same.
    let mut part = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    if form == Form::Dated {
        // No chain is called so.
        part(b"dated");
        part(&sealed_at.timestamp_micros().to_be_bytes());
    }
    part(chain.as_bytes());
    part(&seq.to_be_bytes());
    part(previous);
    for entry in entries {
        part(entry.id.as_bytes());
        part(&entry.at.timestamp_micros().to_be_bytes());
        part(entry.actor_kind.as_bytes());
        part(entry.actor_id.map(Uuid::into_bytes).as_ref().map_or(&[][..], |id| &id[..]));
        part(entry.action.as_bytes());
        part(entry.subject_kind.as_bytes());
        part(entry.subject_id.map(Uuid::into_bytes).as_ref().map_or(&[][..], |id| &id[..]));
        part(entry.org_path.as_bytes());
        part(canonical(&entry.detail).to_string().as_bytes());
    }
    digest.finish().as_ref().to_vec()
}

/// PostgreSQL keeps the keys of JSON in an order of its own, so they are sorted here.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> =
                map.iter().map(|(key, value)| (key.clone(), canonical(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_its_time_and_one_of_before_still_fits() {
        let sealed_at = "2026-11-24T04:00:00.123456Z".parse().unwrap();
        let digest = |form| digest_of(form, "/a/", 1, &[], sealed_at, &[]);
        let seal = |digest, sealed_at| Model {
            chain: "/a/".to_owned(),
            seq: 1,
            entries: 0,
            previous: Vec::new(),
            digest,
            sealed_at,
        };
        let later = "2026-11-25T04:00:00Z".parse().unwrap();
        assert!(seal(digest(Form::Dated), sealed_at).is_over(&[]));
        assert!(!seal(digest(Form::Dated), later).is_over(&[]));
        assert!(seal(digest(Form::Undated), later).is_over(&[]));
    }
}
