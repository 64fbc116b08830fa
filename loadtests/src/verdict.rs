//! The history checker: decides from what clients saw, and from what is left in the end, whether
//! the server kept its word.
//!
//! It knows nothing of the server's inside. A booking is *certainly* there from the moment its 201
//! arrived until somebody first asks to end it, and *possibly* there from the first request that
//! may have made it until the answer that ended it. Two certain ones on one unit convict; a refusal
//! is believed when a possible one stood in its way at most the allowed time ago.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use crate::{
    history::{Call, Micros, Op, Outcome},
    world::{Allowance, AtRest, Kept, Unit, World},
};

/// What the server is convicted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A unit given to more than it is there for, at one instant.
    Twice,
    /// A resident got more than a quota allows.
    OverQuota,
    /// Acknowledged, and not there in the end, or not as acknowledged.
    Lost,
    /// Cancelled, and still there in the end.
    NotReleased,
    /// One key had two effects, or two keys shared one.
    KeyNotOne,
    /// A retry was refused what its key already had.
    RetryRefused,
    /// A booking that nobody can have made.
    Phantom,
    /// Refused although everything was free for longer than the allowed time.
    NotJustified,
    /// At rest the list of slots says something else than the list of bookings.
    Availability,
    /// An answer that this run gives no reason for.
    Unexpected,
}

/// One conviction, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What of.
    pub kind: Kind,
    /// The evidence, in a sentence.
    pub evidence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.evidence)
    }
}

/// Judges a run. No finding: nothing that was seen contradicts the promises.
pub fn judge(world: &World, calls: &[Call], rest: &AtRest, allowance: Allowance) -> Vec<Finding> {
    let mut judge = Judge { world, calls, rest, allowance, findings: Vec::new() };
    let bookings = judge.bookings();
    judge.keys();
    judge.never_twice(&bookings);
    judge.never_lost(&bookings);
    let unclaimed = judge.phantoms(&bookings);
    judge.retries(&bookings, &unclaimed);
    judge.refusals(&bookings, &unclaimed);
    judge.availability();
    judge.answers();
    judge.findings
}

/// For ever.
const NEVER: Micros = Micros::MAX;

/// A booking on some slots, from when to when.
#[derive(Clone, Debug)]
struct Tenure {
    slots: Vec<String>,
    certain: (Micros, Micros),
    possible: (Micros, Micros),
}

/// A booking that was acknowledged.
#[derive(Clone, Debug)]
struct Booked<'a> {
    client: u32,
    key: &'a str,
    tenures: Vec<Tenure>,
    /// Somebody asked to cancel it and was not refused, or got no answer.
    maybe_cancelled: bool,
    cancelled: bool,
    /// A move whose outcome is not known: its slots at the end are not either.
    maybe_moved: bool,
}

type ByKey<'a> = BTreeMap<(u32, &'a str), Vec<&'a Call>>;

/// Bookings at rest that no answer acknowledged, by the one request that may have made each.
type Unclaimed<'a> = Vec<(&'a Kept, &'a Call)>;

struct Judge<'a> {
    world: &'a World,
    calls: &'a [Call],
    rest: &'a AtRest,
    allowance: Allowance,
    findings: Vec<Finding>,
}

impl<'a> Judge<'a> {
    fn find(&mut self, kind: Kind, evidence: impl Into<String>) {
        self.findings.push(Finding { kind, evidence: evidence.into() });
    }

    fn creates(&self) -> ByKey<'a> {
        let mut by_key = ByKey::new();
        for call in self.calls.iter().filter(|call| matches!(call.op, Op::Create { .. })) {
            by_key.entry((call.client, call.key.as_str())).or_default().push(call);
        }
        by_key
    }

    /// Every acknowledged booking with its tenures.
    fn bookings(&self) -> BTreeMap<&'a str, Booked<'a>> {
        let mut bookings = BTreeMap::new();
        for ((client, key), calls) in self.creates() {
            let done = calls.iter().filter_map(|call| match &call.outcome {
                Outcome::Done { booking, .. } => Some((booking.as_str(), *call)),
                _ => None,
            });
            let Some((id, first)) = done.min_by_key(|(_, call)| call.ended) else { continue };
            let Op::Create { slots } = &first.op else { continue };
            // A refused request had no effect, so it is not the one that made the booking.
            let may_have_made = calls.iter().filter(|call| !matches!(call.outcome, Outcome::Refused { .. }));
            let from = may_have_made.map(|call| call.began).min().unwrap_or(first.began);
            let tenure =
                Tenure { slots: slots.clone(), certain: (first.ended, NEVER), possible: (from, NEVER) };
            let booked = Booked {
                client,
                key,
                tenures: vec![tenure],
                maybe_cancelled: false,
                cancelled: false,
                maybe_moved: false,
            };
            bookings.insert(id, booked);
        }
        for call in self.calls {
            let (Op::Cancel { booking: id } | Op::Move { booking: id, .. }) = &call.op else { continue };
            if let Some(booked) = bookings.get_mut(id.as_str()) {
                booked.change(call);
            }
        }
        bookings
    }

    /// One key is one effect, and one effect has one key.
    fn keys(&mut self) {
        let mut by_key: BTreeMap<(u32, &str), Vec<(&str, bool)>> = BTreeMap::new();
        let mut owners: HashMap<&str, (u32, &str)> = HashMap::new();
        let mut shared = Vec::new();
        for call in self.calls {
            let Outcome::Done { booking, replayed } = &call.outcome else { continue };
            by_key.entry((call.client, &call.key)).or_default().push((booking, *replayed));
            if matches!(call.op, Op::Create { .. }) {
                let owner = *owners.entry(booking).or_insert((call.client, &call.key));
                if owner != (call.client, &call.key) {
                    shared.push(format!("{booking} answers key {} and key {}", owner.1, call.key));
                }
            }
        }
        for evidence in shared {
            self.find(Kind::KeyNotOne, evidence);
        }
        for ((client, key), answers) in by_key {
            let ids: BTreeSet<_> = answers.iter().map(|(id, _)| id).collect();
            let fresh = answers.iter().filter(|(_, replayed)| !replayed).count();
            if ids.len() > 1 || fresh > 1 {
                let evidence =
                    format!("key {key} of {client}: {} bookings, {fresh} first answers", ids.len());
                self.find(Kind::KeyNotOne, evidence);
            }
        }
    }

    /// At no instant are more certainly there than there is room for, and not in the end either.
    fn never_twice(&mut self, bookings: &BTreeMap<&str, Booked<'a>>) {
        let mut spans: BTreeMap<Unit, Vec<(Micros, Micros)>> = BTreeMap::new();
        for booked in bookings.values() {
            for tenure in booked.tenures.iter().filter(|tenure| tenure.certain.0 < tenure.certain.1) {
                for unit in self.all_units(Some(booked.client), &tenure.slots) {
                    spans.entry(unit).or_default().push(tenure.certain);
                }
            }
        }
        let mut live: BTreeMap<Unit, usize> = BTreeMap::new();
        for kept in self.rest.bookings.iter().filter(|kept| kept.live) {
            for unit in self.all_units(kept.client, &kept.slots) {
                *live.entry(unit).or_default() += 1;
            }
        }
        for (unit, spans) in spans {
            let limit = self.world.limit(&unit);
            if let Some((at, _)) = full(&spans, limit + 1).first() {
                let evidence = format!("{unit}: more than {limit} at {} ms", at / 1_000);
                self.find(of_unit(&unit), evidence);
            }
        }
        for (unit, units) in live {
            let limit = self.world.limit(&unit);
            if units > limit {
                self.find(of_unit(&unit), format!("{unit}: {units} of {limit} in the end"));
            }
        }
    }

    fn all_units(&self, client: Option<u32>, slots: &[String]) -> Vec<Unit> {
        let quotas = client.map(|client| self.world.quotas(client, slots)).unwrap_or_default();
        self.world.units(slots).into_iter().chain(quotas.into_iter().map(|(unit, _)| unit)).collect()
    }

    /// What was acknowledged is there as it was acknowledged.
    fn never_lost(&mut self, bookings: &BTreeMap<&str, Booked<'a>>) {
        let kept: HashMap<&str, &Kept> =
            self.rest.bookings.iter().map(|kept| (kept.id.as_str(), kept)).collect();
        for (id, booked) in bookings {
            let who = format!("{id}, key {} of {}", booked.key, booked.client);
            let Some(kept) = kept.get(id) else {
                self.find(Kind::Lost, format!("{who}, is not there in the end"));
                continue;
            };
            if booked.cancelled && kept.live {
                self.find(Kind::NotReleased, format!("{who}, was cancelled"));
            }
            if !booked.maybe_cancelled && !kept.live {
                self.find(Kind::Lost, format!("{who}, is not live, and nobody cancelled it"));
            }
            let expected = booked.tenures.last().map(|tenure| tenure.slots.as_slice());
            if kept.live && !booked.maybe_moved && expected.is_some_and(|slots| !same(slots, &kept.slots)) {
                self.find(Kind::Lost, format!("{who}, is on other slots"));
            }
        }
    }

    /// Every booking that no answer acknowledged needs a request whose outcome is not known.
    fn phantoms(&mut self, bookings: &BTreeMap<&str, Booked<'a>>) -> Unclaimed<'a> {
        let mut candidates: ByKey<'a> = self.creates();
        candidates.retain(|_, calls| {
            calls.iter().all(|call| !matches!(call.outcome, Outcome::Done { .. }))
                && calls.iter().any(|call| call.outcome.is_uncertain())
        });
        let mut unclaimed = Vec::new();
        for kept in self.rest.bookings.iter().filter(|kept| !bookings.contains_key(kept.id.as_str())) {
            let fits = |(client, call): (u32, &Call)| {
                let Op::Create { slots } = &call.op else { return false };
                kept.client.is_none_or(|owner| owner == client) && same(slots, &kept.slots)
            };
            // Of several the one that was not told "no" in the end is the likelier.
            let fitting = candidates.iter().filter(|(key, calls)| fits((key.0, calls[0])));
            let found = fitting.min_by_key(|(_, calls)| ends_refused(calls)).map(|(key, _)| *key);
            match found.and_then(|key| candidates.remove(&key)) {
                Some(calls) => unclaimed.extend(
                    calls.into_iter().find(|call| call.outcome.is_uncertain()).map(|call| (kept, call)),
                ),
                None => {
                    let evidence = format!("{} of {:?}: no request can have made it", kept.id, kept.client);
                    self.find(Kind::Phantom, evidence);
                }
            }
        }
        unclaimed
    }

    /// A retry wins over a refusal.
    fn retries(&mut self, bookings: &BTreeMap<&str, Booked<'a>>, unclaimed: &Unclaimed<'a>) {
        let by_key = self.creates();
        for (id, booked) in bookings {
            let acknowledged = booked.tenures.first().map_or(NEVER, |tenure| tenure.certain.0);
            for call in &by_key[&(booked.client, booked.key)] {
                if call.began > acknowledged && is_final_refusal(&call.outcome) {
                    let evidence =
                        format!("key {} of {} has {id}: {:?}", call.key, call.client, call.outcome);
                    self.find(Kind::RetryRefused, evidence);
                }
            }
        }
        // Nobody was ever told of these; the last answer at least should have.
        for (kept, made) in unclaimed.iter().filter(|(kept, _)| kept.live) {
            let calls = &by_key[&(made.client, made.key.as_str())];
            let last = calls.iter().max_by_key(|call| call.began);
            if let Some(last) = last.filter(|last| is_final_refusal(&last.outcome)) {
                let tries: Vec<_> = calls
                    .iter()
                    .map(|call| {
                        format!("{}-{} ms {:?}", call.began / 1_000, call.ended / 1_000, call.outcome)
                    })
                    .collect();
                let evidence =
                    format!("key {} of {} made {}: {}", last.key, last.client, kept.id, tries.join(", "));
                self.find(Kind::RetryRefused, evidence);
            }
        }
    }

    /// A refusal needs something that stood in its way.
    fn refusals(&mut self, bookings: &BTreeMap<&str, Booked<'a>>, unclaimed: &Unclaimed<'a>) {
        let full = self.possibly_full(bookings, unclaimed);
        let stale = self.allowance.stale;
        let window = |call: &Call| (call.began.saturating_sub(stale), call.ended);
        let mut open = Vec::new();
        let mut standing: Vec<(&Call, BTreeSet<Unit>)> = Vec::new();
        for call in self.calls {
            let Some(needs) = self.refused_needs(call) else { continue };
            if needs.iter().any(|unit| full.get(unit).is_some_and(|spans| meets(spans, window(call)))) {
                standing.push((call, needs));
            } else {
                open.push((call, needs));
            }
        }
        for (call, needs) in open {
            // Between its gate and its database, a request that was rightly refused held what it wanted.
            let (from, to) = window(call);
            let held = standing.iter().any(|(other, theirs)| {
                other.began <= to && from <= other.ended && !needs.is_disjoint(theirs)
            });
            if !held {
                let evidence = format!(
                    "key {} of {} at {} ms: {:?}, and nothing had {needs:?}",
                    call.key,
                    call.client,
                    call.began / 1_000,
                    call.outcome
                );
                self.find(Kind::NotJustified, evidence);
            }
        }
    }

    /// What a refusal says there was none of.
    fn refused_needs(&self, call: &Call) -> Option<BTreeSet<Unit>> {
        let Outcome::Refused { code } = &call.outcome else { return None };
        let (Op::Create { slots } | Op::Move { slots, .. }) = &call.op else { return None };
        match code.as_str() {
            "slot_taken" => Some(self.world.units(slots)),
            code if code.starts_with("quota") => {
                Some(self.world.quotas(call.client, slots).into_iter().map(|(unit, _)| unit).collect())
            }
            _ => None,
        }
    }

    /// When each unit may have been taken to its limit.
    fn possibly_full(
        &self,
        bookings: &BTreeMap<&str, Booked<'a>>,
        unclaimed: &Unclaimed<'a>,
    ) -> BTreeMap<Unit, Vec<(Micros, Micros)>> {
        let mut spans: BTreeMap<Unit, Vec<(Micros, Micros)>> = BTreeMap::new();
        let mut add = |client, slots: &[String], span| {
            for unit in self.all_units(Some(client), slots) {
                spans.entry(unit).or_default().push(span);
            }
        };
        for booked in bookings.values() {
            for tenure in &booked.tenures {
                add(booked.client, &tenure.slots, tenure.possible);
            }
        }
        for (kept, made) in unclaimed {
            add(made.client, &kept.slots, (made.began, NEVER));
        }
        for call in self.calls.iter().filter(|call| call.outcome.is_uncertain()) {
            if let Op::Create { slots } | Op::Move { slots, .. } = &call.op {
                add(call.client, slots, (call.began, call.ended.saturating_add(self.allowance.hold)));
            }
        }
        spans
            .into_iter()
            .map(|(unit, spans)| {
                let limit = self.world.limit(&unit);
                let full = full(&spans, limit);
                (unit, full)
            })
            .collect()
    }

    /// At rest the two lists agree.
    fn availability(&mut self) {
        let mut live: BTreeMap<Unit, usize> = BTreeMap::new();
        for kept in self.rest.bookings.iter().filter(|kept| kept.live) {
            for unit in self.world.units(&kept.slots) {
                *live.entry(unit).or_default() += 1;
            }
        }
        for (slot, told) in &self.rest.free {
            let units = self.world.units(std::slice::from_ref(slot));
            let left = |unit: &Unit| {
                self.world.capacity(unit).saturating_sub(live.get(unit).copied().unwrap_or_default())
            };
            let Some(free) = units.iter().map(left).min() else { continue };
            if free != *told {
                self.find(Kind::Availability, format!("{slot}: {told} free are told, {free} are"));
            }
        }
    }

    /// Every answer is one that this run can explain.
    fn answers(&mut self) {
        for call in self.calls {
            let (status, code) = match &call.outcome {
                Outcome::Failed { status: 503, .. } if self.allowance.unavailable => continue,
                Outcome::Failed { status, code } => (*status, code),
                Outcome::Refused { code } if !explained(call, code) => (409, code),
                _ => continue,
            };
            let evidence = format!("key {} of {}: {status} {code}", call.key, call.client);
            self.find(Kind::Unexpected, evidence);
        }
    }
}

impl Booked<'_> {
    /// Follows one request to end or to move the booking.
    fn change(&mut self, call: &Call) {
        if matches!(call.outcome, Outcome::Refused { .. }) {
            return;
        }
        let done = matches!(call.outcome, Outcome::Done { .. });
        let Some(current) = self.tenures.last_mut() else { return };
        // From here on it may be gone, and when the answer is there it is.
        current.certain.1 = current.certain.1.min(call.began);
        match &call.op {
            Op::Move { slots, .. } if done => {
                let moved_already = same(&current.slots, slots);
                current.possible.1 = current.possible.1.min(call.ended);
                let from = if moved_already { current.possible.0 } else { call.began };
                self.tenures.push(Tenure {
                    slots: slots.clone(),
                    certain: (call.ended, NEVER),
                    possible: (from, NEVER),
                });
            }
            Op::Move { slots, .. } => {
                self.maybe_moved = true;
                let mut maybe = current.clone();
                maybe.slots.clone_from(slots);
                maybe.certain = (NEVER, NEVER);
                maybe.possible = (call.began, NEVER);
                let at = self.tenures.len() - 1;
                self.tenures.insert(at, maybe);
            }
            Op::Cancel { .. } | Op::Create { .. } => {
                self.maybe_cancelled = true;
                self.cancelled |= done;
                if done {
                    for tenure in &mut self.tenures {
                        tenure.possible.1 = tenure.possible.1.min(call.ended);
                    }
                }
            }
        }
    }
}

fn of_unit(unit: &str) -> Kind {
    if unit.starts_with("quota ") { Kind::OverQuota } else { Kind::Twice }
}

/// A refusal that is not "ask again".
fn is_final_refusal(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { code } if code != "idempotency_in_progress")
}

/// Whether the last of a key's requests was refused.
fn ends_refused(calls: &[&Call]) -> bool {
    calls.iter().max_by_key(|call| call.began).is_some_and(|last| is_final_refusal(&last.outcome))
}

fn explained(call: &Call, code: &str) -> bool {
    match call.op {
        _ if code == "idempotency_in_progress" => true,
        Op::Create { .. } | Op::Move { .. } => {
            code == "slot_taken" || code.starts_with("quota") || code == "booking_already_cancelled"
        }
        Op::Cancel { .. } => code == "booking_already_cancelled",
    }
}

fn same(a: &[String], b: &[String]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
}

/// When at least `limit` of the half-open spans hold, as disjoint spans in order.
fn full(spans: &[(Micros, Micros)], limit: usize) -> Vec<(Micros, Micros)> {
    let mut steps: Vec<(Micros, bool)> = spans
        .iter()
        .filter(|(from, to)| from < to)
        .flat_map(|(from, to)| [(*from, true), (*to, false)])
        .collect();
    // At one instant what ends goes first.
    steps.sort_unstable();
    let (mut depth, mut since, mut found) = (0_usize, None, Vec::new());
    for (at, begins) in steps {
        depth = if begins { depth + 1 } else { depth - 1 };
        match since {
            None if depth >= limit => since = Some(at),
            Some(from) if depth < limit => {
                found.push((from, at));
                since = None;
            }
            _ => {}
        }
    }
    found
}

/// Whether a window, ends included, touches one of the spans.
fn meets(spans: &[(Micros, Micros)], window: (Micros, Micros)) -> bool {
    let first = spans.partition_point(|(_, to)| *to < window.0);
    spans.get(first).is_some_and(|(from, _)| *from <= window.1)
}

#[cfg(test)]
mod tests;
