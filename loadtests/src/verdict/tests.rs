//! The judge is judged: histories of a server that is right by construction must pass, and each
//! planted violation must be convicted as what it is.

use proptest::prelude::*;

use super::*;
use crate::world::Quota;

/// One step of one client.
#[derive(Clone, Debug)]
struct Step {
    client: u32,
    /// Cancels what it has, when it has something; books otherwise.
    cancels: bool,
    moves: bool,
    slot: usize,
    gap: Micros,
    out: Micros,
    back: Micros,
    /// 0, 1: the answer is lost; 0: the request as well.
    lost: u8,
}

const SLOTS: [&str; 5] = ["nine", "half past nine", "ten", "hall at nine", "shared"];

fn world() -> World {
    let mut world = World::default();
    world.room_time(SLOTS[0], &["A"], "tue", (540, 600));
    world.room_time(SLOTS[1], &["A"], "tue", (570, 630));
    world.room_time(SLOTS[2], &["A"], "tue", (600, 660));
    world.room_time(SLOTS[3], &["A", "B"], "tue", (540, 600));
    world.shared(SLOTS[4], 2);
    world.quota(Quota { limit: 1, slots: [SLOTS[2].to_owned(), SLOTS[4].to_owned()].into() });
    world
}

/// A server that takes one request after the other, at one instant each.
struct Model {
    world: World,
    bookings: Vec<Kept>,
    keys: HashMap<(u32, String), Outcome>,
}

impl Model {
    fn free(&self, client: u32, slots: &[String], but: Option<&str>) -> Result<(), &'static str> {
        let live = || self.bookings.iter().filter(|kept| kept.live && Some(kept.id.as_str()) != but);
        for unit in self.world.units(slots) {
            let used = live().filter(|kept| self.world.units(&kept.slots).contains(&unit)).count();
            if used >= self.world.capacity(&unit) {
                return Err("slot_taken");
            }
        }
        for (unit, limit) in self.world.quotas(client, slots) {
            let counts = |kept: &&Kept| {
                let mine = self.world.quotas(client, &kept.slots);
                kept.client == Some(client) && mine.iter().any(|(other, _)| *other == unit)
            };
            if live().filter(counts).count() >= limit {
                return Err("quota_used_up");
            }
        }
        Ok(())
    }

    fn take(&mut self, client: u32, key: &str, op: &Op) -> Outcome {
        if let Some(Outcome::Done { booking, .. }) = self.keys.get(&(client, key.to_owned())) {
            return Outcome::Done { booking: booking.clone(), replayed: true };
        }
        let refused = |code: &str| Outcome::Refused { code: code.to_owned() };
        let id = match op {
            Op::Create { slots } => {
                if let Err(code) = self.free(client, slots, None) {
                    return refused(code);
                }
                let id = format!("b{}", self.bookings.len());
                let kept = Kept { id: id.clone(), client: Some(client), slots: slots.clone(), live: true };
                self.bookings.push(kept);
                id
            }
            Op::Cancel { booking } => {
                let Some(kept) = self.bookings.iter_mut().find(|kept| kept.id == *booking && kept.live)
                else {
                    return refused("booking_already_cancelled");
                };
                kept.live = false;
                booking.clone()
            }
            Op::Move { booking, slots } => {
                if !self.bookings.iter().any(|kept| kept.id == *booking && kept.live) {
                    return refused("booking_already_cancelled");
                }
                if let Err(code) = self.free(client, slots, Some(booking)) {
                    return refused(code);
                }
                let kept = self.bookings.iter_mut().find(|kept| kept.id == *booking).unwrap();
                kept.slots.clone_from(slots);
                booking.clone()
            }
        };
        let done = Outcome::Done { booking: id, replayed: false };
        self.keys.insert((client, key.to_owned()), done.clone());
        done
    }

    fn at_rest(&self) -> AtRest {
        let free = SLOTS.iter().map(|slot| {
            let left = self.world.units(&[(*slot).to_owned()]).into_iter().map(|unit| {
                let takes = |kept: &&Kept| kept.live && self.world.units(&kept.slots).contains(&unit);
                self.world.capacity(&unit) - self.bookings.iter().filter(takes).count()
            });
            ((*slot).to_owned(), left.min().unwrap())
        });
        AtRest { bookings: self.bookings.clone(), free: free.collect() }
    }
}

/// What a client remembers.
#[derive(Default)]
struct Client {
    free_at: Micros,
    unanswered: Option<(String, Op)>,
    has: Option<String>,
}

/// Runs the steps; requests of different clients overlap, and each takes effect between its ends.
fn run(steps: &[Step]) -> (World, Vec<Call>, AtRest) {
    let mut clients: BTreeMap<u32, Client> = BTreeMap::new();
    let mut moments = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let client = clients.entry(step.client).or_default();
        let began = client.free_at + step.gap;
        let at = began + step.out;
        client.free_at = at + step.back + 1;
        moments.push((at, index, began, client.free_at));
    }
    moments.sort_unstable();
    let mut model = Model { world: world(), bookings: Vec::new(), keys: HashMap::new() };
    let mut calls = Vec::new();
    for (_, index, began, ended) in moments {
        let step = &steps[index];
        let client = clients.get_mut(&step.client).unwrap();
        let slots = vec![SLOTS[step.slot].to_owned()];
        let (key, op) = match (client.unanswered.take(), &client.has) {
            (Some(again), _) => again,
            (None, Some(booking)) if step.cancels => {
                (format!("k{index}"), Op::Cancel { booking: booking.clone() })
            }
            (None, Some(booking)) if step.moves => {
                (format!("k{index}"), Op::Move { booking: booking.clone(), slots })
            }
            _ => (format!("k{index}"), Op::Create { slots }),
        };
        let mut outcome = Outcome::Unknown;
        if step.lost != 0 {
            outcome = model.take(step.client, &key, &op);
        }
        if step.lost <= 1 {
            outcome = Outcome::Unknown;
            client.unanswered = Some((key.clone(), op.clone()));
        }
        match (&op, &outcome) {
            (Op::Create { .. }, Outcome::Done { booking, .. }) => client.has = Some(booking.clone()),
            (Op::Cancel { .. }, Outcome::Done { .. }) => client.has = None,
            _ => {}
        }
        calls.push(Call { client: step.client, key, op, began, ended, outcome });
    }
    calls.sort_by_key(|call| call.began);
    (world(), calls, model.at_rest())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0_u32..6,
        any::<bool>(),
        any::<bool>(),
        0_usize..5,
        0_u64..3_000_000,
        0_u64..400_000,
        0_u64..400_000,
        0_u8..12,
    )
        .prop_map(|(client, cancels, moves, slot, gap, out, back, lost)| Step {
            client,
            cancels,
            moves,
            slot,
            gap,
            out,
            back,
            lost,
        });
    prop::collection::vec(step, 1..80)
}

/// Nothing may be stale in the model.
fn strict() -> Allowance {
    Allowance { stale: 0, ..Allowance::default() }
}

fn kinds(world: &World, calls: &[Call], rest: &AtRest) -> BTreeSet<Kind> {
    judge(world, calls, rest, strict()).into_iter().map(|finding| finding.kind).collect()
}

fn done(call: &Call) -> Option<&str> {
    match (&call.op, &call.outcome) {
        (Op::Create { .. }, Outcome::Done { booking, .. }) => Some(booking),
        _ => None,
    }
}

/// An acknowledged booking that nobody ever tried to change.
fn untouched(calls: &[Call]) -> Option<(&Call, &str)> {
    calls.iter().find_map(|call| {
        let id = done(call)?;
        let touches = |other: &Call| match &other.op {
            Op::Cancel { booking } | Op::Move { booking, .. } => booking == id,
            Op::Create { .. } => false,
        };
        (!calls.iter().any(touches)).then_some((call, id))
    })
}

/// A resident who was not there before asks once more when all is over.
fn later(calls: &[Call], slots: &[String], outcome: Outcome) -> Call {
    let began = calls.iter().map(|call| call.ended).max().unwrap_or_default() + 60_000_000;
    let op = Op::Create { slots: slots.to_vec() };
    Call { client: 99, key: "late".to_owned(), op, began, ended: began + 1_000, outcome }
}

fn slots_of(call: &Call) -> &[String] {
    match &call.op {
        Op::Create { slots } => slots,
        _ => &[],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_right_server_is_not_convicted(steps in steps()) {
        let (world, calls, rest) = run(&steps);
        prop_assert_eq!(judge(&world, &calls, &rest, strict()), []);
    }

    #[test]
    fn a_second_booking_of_a_taken_slot_is_convicted(steps in steps(), kept in any::<bool>()) {
        let (world, mut calls, mut rest) = run(&steps);
        let taken = untouched(&calls).filter(|(call, _)| slots_of(call) != [SLOTS[4].to_owned()]);
        prop_assume!(taken.is_some());
        let slots = slots_of(taken.unwrap().0).to_vec();
        calls.push(later(&calls, &slots, Outcome::Done { booking: "second".to_owned(), replayed: false }));
        // Whether or not the server shows it in the end.
        if kept {
            rest.bookings.push(Kept { id: "second".to_owned(), client: Some(99), slots, live: true });
        }
        prop_assert!(kinds(&world, &calls, &rest).contains(&Kind::Twice));
    }

    #[test]
    fn a_lost_booking_is_convicted(steps in steps(), cancelled in any::<bool>()) {
        let (world, calls, mut rest) = run(&steps);
        let lost = untouched(&calls).map(|(_, id)| id.to_owned());
        prop_assume!(lost.is_some());
        let at = rest.bookings.iter().position(|kept| Some(&kept.id) == lost.as_ref()).unwrap();
        if cancelled { rest.bookings[at].live = false } else { rest.bookings.remove(at); }
        prop_assert!(kinds(&world, &calls, &rest).contains(&Kind::Lost));
    }

    #[test]
    fn a_cancelled_booking_that_lives_on_is_convicted(steps in steps()) {
        let (world, calls, mut rest) = run(&steps);
        let cancelled = calls.iter().find_map(|call| match (&call.op, &call.outcome) {
            (Op::Cancel { booking }, Outcome::Done { .. }) => Some(booking.clone()),
            _ => None,
        });
        prop_assume!(cancelled.is_some());
        let kept = rest.bookings.iter_mut().find(|kept| Some(&kept.id) == cancelled.as_ref()).unwrap();
        kept.live = true;
        prop_assert!(kinds(&world, &calls, &rest).contains(&Kind::NotReleased));
    }

    #[test]
    fn a_key_with_two_effects_is_convicted(steps in steps(), new_id in any::<bool>()) {
        let (world, mut calls, rest) = run(&steps);
        let first = calls.iter().find(|call| done(call).is_some()).cloned();
        prop_assume!(first.is_some());
        let first = first.unwrap();
        let booking = if new_id { "other".to_owned() } else { done(&first).unwrap().to_owned() };
        let at = first.ended + 5;
        calls.push(Call { began: at, ended: at + 5, outcome: Outcome::Done { booking, replayed: false }, ..first.clone() });
        if !matches!(first.outcome, Outcome::Done { replayed: true, .. }) || new_id {
            prop_assert!(kinds(&world, &calls, &rest).contains(&Kind::KeyNotOne));
        }
    }

    #[test]
    fn a_refused_retry_is_convicted(steps in steps(), told in any::<bool>()) {
        let (world, mut calls, rest) = run(&steps);
        let first = untouched(&calls).map(|(call, _)| call.clone());
        prop_assume!(first.is_some());
        let first = first.unwrap();
        let at = calls.iter().map(|call| call.ended).max().unwrap();
        if !told {
            // The client never got the answer either. Another unanswered wish of theirs for the same
            // slots would be another explanation of the booking.
            let other = |call: &Call| call.client == first.client && call.key != first.key
                && call.outcome.is_uncertain() && call.op == first.op;
            prop_assume!(!calls.iter().any(other));
            for call in calls.iter_mut().filter(|call| (call.client, &call.key) == (first.client, &first.key)) {
                call.outcome = Outcome::Unknown;
            }
        }
        let outcome = Outcome::Refused { code: "slot_taken".to_owned() };
        calls.push(Call { began: at + 5, ended: at + 10, outcome, ..first });
        prop_assert!(kinds(&world, &calls, &rest).contains(&Kind::RetryRefused));
    }

    #[test]
    fn a_refusal_of_what_is_free_is_convicted(mut steps in steps()) {
        // A cancellation that nobody answered would be a reason.
        steps.iter_mut().for_each(|step| step.lost = 9);
        let (world, mut calls, rest) = run(&steps);
        let free = rest.free.iter().find(|(_, free)| **free > 0).map(|(slot, _)| slot.clone());
        prop_assume!(free.is_some());
        calls.push(later(&calls, &[free.unwrap()], Outcome::Refused { code: "slot_taken".to_owned() }));
        prop_assert_eq!(kinds(&world, &calls, &rest), BTreeSet::from([Kind::NotJustified]));
    }

    #[test]
    fn nobody_served_is_convicted(n in 2_u32..40, slot in 0_usize..5) {
        // Refusals do not excuse one another.
        let outcome = || Outcome::Refused { code: "slot_taken".to_owned() };
        let calls: Vec<_> = (0..n).map(|client| {
            Call { client, began: u64::from(client), ended: 1_000, ..later(&[], &[SLOTS[slot].to_owned()], outcome()) }
        }).collect();
        let model = Model { world: world(), bookings: Vec::new(), keys: HashMap::new() };
        let findings = judge(&world(), &calls, &model.at_rest(), Allowance::default());
        prop_assert_eq!(findings.len(), n as usize);
        prop_assert!(findings.iter().all(|finding| finding.kind == Kind::NotJustified));
    }

    #[test]
    fn a_booking_out_of_nowhere_is_convicted(steps in steps(), slot in 0_usize..5) {
        let (world, calls, mut rest) = run(&steps);
        let slots = vec![SLOTS[slot].to_owned()];
        rest.bookings.push(Kept { id: "ghost".to_owned(), client: Some(98), slots, live: false });
        prop_assert_eq!(kinds(&world, &calls, &rest), BTreeSet::from([Kind::Phantom]));
    }

    #[test]
    fn a_list_that_lies_is_convicted(steps in steps(), slot in 0_usize..5) {
        let (world, calls, mut rest) = run(&steps);
        *rest.free.get_mut(SLOTS[slot]).unwrap() ^= 1;
        prop_assert_eq!(kinds(&world, &calls, &rest), BTreeSet::from([Kind::Availability]));
    }

    #[test]
    fn a_quota_overrun_is_convicted(steps in steps()) {
        let (world, mut calls, mut rest) = run(&steps);
        let counted = untouched(&calls).filter(|(call, _)| slots_of(call) == [SLOTS[4].to_owned()]);
        prop_assume!(counted.is_some());
        let client = counted.unwrap().0.client;
        let slots = vec![SLOTS[2].to_owned()];
        let outcome = Outcome::Done { booking: "extra".to_owned(), replayed: false };
        calls.push(Call { client, ..later(&calls, &slots, outcome) });
        rest.bookings.push(Kept { id: "extra".to_owned(), client: Some(client), slots, live: true });
        prop_assert!(kinds(&world, &calls, &rest).contains(&Kind::OverQuota));
    }
}

#[test]
fn half_open_neighbours_do_not_overlap_and_the_allowed_second_is_allowed() {
    let call = |client, slot: usize, began, outcome| Call {
        client,
        key: "k".to_owned(),
        op: Op::Create { slots: vec![SLOTS[slot].to_owned()] },
        began,
        ended: began + 10,
        outcome,
    };
    let booked = |id: &str| Outcome::Done { booking: id.to_owned(), replayed: false };
    let mut calls = vec![call(1, 0, 0, booked("a")), call(2, 2, 5, booked("b"))];
    let cancelled = Call {
        op: Op::Cancel { booking: "a".to_owned() },
        key: "c".to_owned(),
        ..call(1, 0, 100, booked("a"))
    };
    calls.push(cancelled);
    let kept = |id: &str, client, slot: usize, live| Kept {
        id: id.to_owned(),
        client: Some(client),
        slots: vec![SLOTS[slot].to_owned()],
        live,
    };
    let rest =
        AtRest { bookings: vec![kept("a", 1, 0, false), kept("b", 2, 2, true)], free: BTreeMap::new() };
    let refused = || Outcome::Refused { code: "slot_taken".to_owned() };
    let judged = |late: Micros| {
        let mut calls = calls.clone();
        calls.push(call(3, 0, 110 + late, refused()));
        judge(&world(), &calls, &rest, Allowance::default()).len()
    };
    assert_eq!((judged(1_000_000), judged(1_000_001)), (0, 1));
}
