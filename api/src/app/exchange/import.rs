//! Reading a file into storage: checked first, then written in one transaction.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Read},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use linli_domain::{
    Code, Refusal, Vocabulary,
    access::Scope,
    division::DivisionCode,
    facility::Facility,
    geo::{Bounds, Datum},
    ids::OrganisationId,
    import::{Column, Row, Rules},
};
use linli_store::{
    Committed, Error, ScopeCondition, Tx,
    audit::Actor,
    failpoint,
    storage::{
        facilities::{self, Incoming, Outcome, reference},
        staff::{organisation, tree},
    },
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use tokio::sync::mpsc;

use super::{FileError, Format, Report, read};
use crate::App;

/// Rows that travel together from the reader to storage.
const BATCH: usize = facilities::upsert::MAX_BATCH;
/// Batches that may wait, so that a slow database slows the reader down.
const WAITING: usize = 2;
/// More rows than any city has; a file beyond it is a mistake.
const MAX_ROWS: u64 = 1_000_000;

/// A file that can be read from its beginning more than once.
pub type Input = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// What is to be imported, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// How the file is laid out.
    pub format: Format,
    /// The source of rows that do not name one.
    pub source: String,
    /// Coordinate system of rows that do not name one.
    pub datum: Option<Datum>,
    /// Points must lie in this box.
    pub bounds: Bounds,
    /// Divisions must lie in this one.
    pub area: Option<DivisionCode>,
    /// The organisation of rows whose division has none.
    pub organisation: Option<OrganisationId>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Write the good rows even when others are refused.
    pub skip_invalid: bool,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Rows checked so far.
    Checked(u64),
    /// Rows sent to storage so far, of how many. Nothing is durable before the report.
    Written(u64, u64),
}

/// Imports a file; only facilities and organisations within `scope` are touched.
///
/// Without `skip_invalid`, one refused row refuses the file.
pub async fn import(
    app: &App,
    actor: Actor,
    scope: &Scope,
    order: &Order,
    input: &Input,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, Error> {
    check_source(&order.source)?;
    let checked = check(app, order, input, progress).await?;
    let give_up = checked.refused > 0 && !order.skip_invalid;
    if give_up || checked.rows == 0 {
        return Ok(checked);
    }
    // The closure may run again, so what it counts lives outside and starts anew each time.
    let tally = &Mutex::new(Report::default());
    let total = checked.rows;
    let result = app
        .db
        .in_tx("facilities.import", |tx| async move {
            // Paths are copied from the organisations: none of them moves before the end.
            tree::hold(tx.conn()).await?;
            let owners = &Owners::load(tx.conn(), scope, order).await?;
            let run = Run { app, actor, scope, order, owners };
            let report = run.write(&tx, input, &|rows| progress(Progress::Written(rows, total))).await?;
            let keep = !order.dry_run && (report.refused == 0 || order.skip_invalid);
            *tally.lock().unwrap_or_else(PoisonError::into_inner) = Report { written: keep, ..report };
            if keep { tx.commit(()).await } else { rolled_back() }
        })
        .await;
    let report = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
    match result {
        Err(error) if report.written || report.rows == 0 => Err(error),
        _ => Ok(report),
    }
}

/// Ends a transaction that must leave nothing behind; the report is the answer, not this refusal.
fn rolled_back() -> Result<Committed<()>, Error> {
    Err(Code::Conflict.into())
}

fn check_source(source: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=40).contains(&source.chars().count()) && source.chars().all(plain) {
        return Ok(());
    }
    let (zh, en) = ("来源应为1至40个字母、数字或 - _ .", "A source has 1 to 40 letters, digits or - _ .");
    Err(Refusal::field("source", "source", zh, en))
}

/// Reads the whole file without touching the database.
async fn check(
    app: &App,
    order: &Order,
    input: &Input,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut rows = Rows::open(app, order, input);
    while let Some(batch) = rows.next().await? {
        report.rows += batch.len() as u64;
        for Parsed { line, row } in batch {
            if let Err(refusal) = row {
                report.refuse(line, refusal);
            }
        }
        progress(Progress::Checked(report.rows));
    }
    Ok(report)
}

/// One row of the file, read by the rules.
struct Parsed {
    line: u64,
    row: Result<Row, Refusal>,
}

/// The rows of a file, parsed on a thread of their own.
struct Rows {
    batches: mpsc::Receiver<Vec<Parsed>>,
    reader: tokio::task::JoinHandle<Result<(), FileError>>,
}

impl Rows {
    fn open(app: &App, order: &Order, input: &Input) -> Self {
        let (send, batches) = mpsc::channel(WAITING);
        let rules = Rules { datum: order.datum, bounds: order.bounds, area: order.area, now: app.env.now() };
        let (format, source, input) = (order.format, order.source.clone(), Arc::clone(input));
        let reader = tokio::task::spawn_blocking(move || parse(format, &source, &input, &rules, &send));
        Self { batches, reader }
    }

    /// The next rows; `None` at the end of the file.
    async fn next(&mut self) -> Result<Option<Vec<Parsed>>, Error> {
        if let Some(batch) = self.batches.recv().await {
            return Ok(Some(batch));
        }
        match (&mut self.reader).await {
            Ok(result) => result.map(|()| None).map_err(Error::from),
            Err(error) => Err(Error::internal("reading the file", error)),
        }
    }
}

fn parse(
    format: Format,
    source: &str,
    input: &Input,
    rules: &Rules,
    send: &mpsc::Sender<Vec<Parsed>>,
) -> Result<(), FileError> {
    let file = input().map_err(FileError::Io)?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let mut too_many = false;
    read(format, file, |line, cells| {
        let row = Row::read(&cells, rules).and_then(|row| {
            let from = row.source.clone().unwrap_or_else(|| source.to_owned());
            check_source(&from)?;
            if seen.insert((from, row.external_id.clone())) { Ok(row) } else { Err(repeated()) }
        });
        batch.push(Parsed { line, row });
        too_many = seen.len() as u64 > MAX_ROWS;
        // A receiver that is gone wants no more.
        let full = batch.len() == BATCH;
        let gone =
            full && send.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_err();
        if gone || too_many { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if too_many {
        let (zh, en) = ("文件超过一百万行", "The file has more than a million rows.");
        return Err(FileError::new(0, "too_many_rows", zh, en));
    }
    if !batch.is_empty() {
        let _ = send.blocking_send(batch);
    }
    Ok(())
}

fn repeated() -> Refusal {
    let (zh, en) = ("文件中已有相同来源和外部编号的行", "A row above has the same source and id.");
    Refusal::field(Column::ExternalId.as_str(), "repeated", zh, en)
}

/// Writing a file inside the transaction.
struct Run<'a> {
    app: &'a App,
    actor: Actor,
    scope: &'a Scope,
    order: &'a Order,
    owners: &'a Owners,
}

impl Run<'_> {
    async fn write(
        &self,
        tx: &Tx,
        input: &Input,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Report, Error> {
        let mut report = Report::default();
        let mut rows = Rows::open(self.app, self.order, input);
        while let Some(batch) = rows.next().await? {
            report.rows += batch.len() as u64;
            let mut by_source: HashMap<String, Vec<(u64, Row)>> = HashMap::new();
            for Parsed { line, row } in batch {
                match row {
                    Ok(row) => {
                        let source = row.source.clone().unwrap_or_else(|| self.order.source.clone());
                        by_source.entry(source).or_default().push((line, row));
                    }
                    Err(refusal) => report.refuse(line, refusal),
                }
            }
            for (source, rows) in by_source {
                self.write_batch(tx, &source, rows, &mut report).await?;
            }
            failpoint::hit("import.batch").await;
            progress(report.rows);
        }
        failpoint::hit("import.before_commit").await;
        report.errors.sort_by_key(|error| error.line);
        Ok(report)
    }

    async fn write_batch(
        &self,
        tx: &Tx,
        source: &str,
        rows: Vec<(u64, Row)>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let ids = rows.iter().map(|(_, row)| row.external_id.as_str());
        let known = reference::any_by_external_ids(tx.conn(), source, ids).await?;
        let (mut lines, mut batch) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for (line, row) in rows {
            let known = known.get(&row.external_id).map(|stored| &stored.facility);
            match self.incoming(row, known) {
                Ok(incoming) => {
                    lines.push(line);
                    batch.push(incoming);
                }
                Err(refusal) => report.refuse(line, refusal),
            }
        }
        let env = &self.app.env;
        let outcomes = facilities::upsert(tx.conn(), env, self.actor, self.scope, source, &batch).await?;
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Created(_) => report.created += 1,
                Outcome::Updated(_) => report.updated += 1,
                Outcome::Unchanged(_) => report.unchanged += 1,
                Outcome::Refused(refusal) => report.refuse(line, refusal),
            }
        }
        Ok(())
    }

    fn incoming(&self, row: Row, known: Option<&Facility>) -> Result<Incoming, Refusal> {
        let division = row.facility.data().division.as_deref();
        let Some((organisation_id, org_path)) = self.owners.of(division) else {
            let (zh, en) = ("没有负责该行政区划的组织", "No organisation is responsible for this division.");
            return Err(Refusal::field(Column::Division.as_str(), "no_organisation", zh, en));
        };
        let facility = match known {
            Some(known) => row.over(known, self.app.env.now())?,
            None => row.facility,
        };
        let org_path = org_path.to_owned();
        Ok(Incoming { external_id: row.external_id, organisation_id, org_path, facility, status: row.status })
    }
}

/// Which organisation a facility belongs to: the lowest one whose division it lies in, and in the end
/// the city, which a new one has nothing below yet.
struct Owners {
    by_division: HashMap<DivisionCode, (OrganisationId, String)>,
    otherwise: Option<(OrganisationId, String)>,
}

impl Owners {
    async fn load(conn: &impl ConnectionTrait, scope: &Scope, order: &Order) -> Result<Self, Error> {
        let otherwise = order.organisation;
        let mut owners = Self { by_division: HashMap::new(), otherwise: None };
        let open = organisation::Entity::find()
            .filter(scope.condition(organisation::Column::Path))
            .filter(organisation::Column::ClosedAt.is_null());
        let mut city = None;
        for row in open.all(conn).await? {
            let is_root = row.parent_id.is_none();
            let owner = (OrganisationId(row.id), row.path);
            if Some(owner.0) == otherwise {
                owners.otherwise = Some(owner.clone());
            }
            if is_root {
                city = Some(owner.clone());
            }
            if let Some(code) = row.code.and_then(|code| code.parse().ok()) {
                owners.by_division.insert(code, owner);
            }
        }
        if otherwise.is_some() && owners.otherwise.is_none() {
            let (zh, en) = ("没有这个组织", "There is no such organisation.");
            return Err(Refusal::field("organisation_id", "not_found", zh, en).into());
        }
        if owners.otherwise.is_none() {
            owners.otherwise = owners.above(order.area).cloned().or(city);
        }
        Ok(owners)
    }

    fn of(&self, division: Option<&str>) -> Option<(OrganisationId, &str)> {
        let code = division.and_then(|code| code.parse().ok());
        let owner = self.above(code).or(self.otherwise.as_ref())?;
        Some((owner.0, &owner.1))
    }

    fn above(&self, division: Option<DivisionCode>) -> Option<&(OrganisationId, String)> {
        std::iter::successors(division, |code| code.parent()).find_map(|code| self.by_division.get(&code))
    }
}
