//! Rushes, judged by the history checker of `loadtests`: a thousand residents and one slot, slots
//! that overlap, a reply that is lost; and the same with the guard off, which must be convicted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::Days;
use linli::{Config, config::GateKind};
use linli_domain::{access::Role, time::local_date};
use linli_loadtests::{
    client::{Crowd, Office, Person, Wish, patience},
    history::Outcome,
    verdict::{Finding, Kind, judge},
    world::{Allowance, World},
};
use linli_store::{Env, inventory::divergence_of_claims};
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    booking_life::twenty_of_which_two,
    bookings::{all, count},
    faults::book,
    private_redis::{PrivateCluster, PrivateRedis},
    process::ServerProcess,
    rig::{Rig, Server, both, patient},
};

/// A town with residents in it, and everything they do.
struct Town<'a> {
    rig: &'a Rig,
    office: Office,
    facility: String,
    date: String,
    people: Vec<Person>,
    world: World,
    crowd: Crowd,
    rooms: Vec<String>,
}

impl<'a> Town<'a> {
    async fn new(rig: &'a Rig, residents: u32) -> Self {
        let token = rig.staff_token(Role::CityAdmin, None).await;
        let office = Office::new(&rig.base, &token).unwrap();
        let mut people = Vec::new();
        for id in 0..residents {
            people.push(Person { id, token: rig.resident_token().await });
        }
        Self {
            rig,
            facility: office.facility("采荷活动中心").await.unwrap(),
            office,
            date: (local_date(rig.app.env.now()) + Days::new(1)).to_string(),
            people,
            world: World::default(),
            crowd: Crowd::new().unwrap(),
            rooms: Vec::new(),
        }
    }

    /// A room with these slots; returns it and their ids.
    async fn room(&mut self, times: &[(u32, u32)]) -> (String, Vec<String>) {
        let name = format!("{}号厅", self.rooms.len() + 1);
        let room = self.office.room(&self.facility, &name).await.unwrap();
        let slots = self.office.open(&mut self.world, &room, &self.date, times).await.unwrap();
        self.rooms.push(room.clone());
        (room, slots)
    }

    fn wish(&self, base: &str, person: usize, key: &str, room: &str, slots: &[&String]) -> Wish {
        Wish {
            base: base.to_owned(),
            person: self.people[person].clone(),
            key: key.to_owned(),
            room: room.to_owned(),
            slots: slots.iter().map(|slot| (*slot).clone()).collect(),
        }
    }

    /// What the judge says, once the cache of refusals and the outbox are quiet.
    async fn findings(&self) -> Vec<Finding> {
        let rest = self.office.at_rest(&self.rooms, &self.date, |id| self.crowd.number_of(id)).await.unwrap();
        judge(&self.world, &self.crowd.seen.calls(), &rest, Allowance::default())
    }

    /// Nothing is found, and SQL agrees with itself.
    async fn is_acquitted(&self) {
        let findings = self.findings().await;
        assert!(findings.is_empty(), "{findings:#?}");
        assert_eq!(divergence_of_claims(self.rig.app.db.read()).await.unwrap(), []);
    }
}

fn done(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done { .. })).count()
}

fn taken(outcomes: &[Outcome]) -> usize {
    outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Refused { code } if code == "slot_taken"))
        .count()
}

/// One slot, everybody, these servers in turn.
async fn everybody_wants_one_slot(
    town: &mut Town<'_>,
    name: &str,
    servers: [&Server; 2],
    fault: impl FnOnce(),
) {
    let (room, slots) = town.room(&[(540, 600)]).await;
    let wish = |i: usize| town.wish(&servers[i % 2].base, i, name, &room, &[&slots[0]]);
    let wishes: Vec<_> = (0..town.people.len()).map(wish).collect();
    let (all, seen) = (wishes.len(), town.crowd.seen.ended());
    let crowd = town.crowd.clone();
    let rush = tokio::spawn(async move { crowd.rush(wishes).await });
    while town.crowd.seen.ended() < seen + all / 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fault();
    let outcomes = rush.await.unwrap();
    let other: BTreeMap<String, usize> = outcomes
        .iter()
        .filter(|outcome| done(&[(*outcome).clone()]) + taken(&[(*outcome).clone()]) == 0)
        .fold(BTreeMap::new(), |mut counts, outcome| {
            *counts.entry(format!("{outcome:?}")).or_default() += 1;
            counts
        });
    assert_eq!((done(&outcomes), taken(&outcomes)), (1, all - 1), "{name}: {other:?}");
}

both!(of_a_thousand_at_once_one_books_behind_every_gate_and_when_redis_dies, async |rig: &Rig| {
    let mut redis = PrivateRedis::spawn();
    // One process of a debug build answers a thousand at once: it would give a gate up that is well.
    let at = |config: &mut Config| {
        patient(config);
        config.redis.url = redis.url();
        config.redis.timeout_ms = 2_000;
    };
    let (one, two) = (rig.another(at).await, rig.another(at).await);
    let open = rig
        .another(|config| {
            patient(config);
            config.gate = GateKind::Open;
        })
        .await;
    let cluster = PrivateCluster::spawn();
    let at = |config: &mut Config| {
        patient(config);
        config.redis.url = cluster.urls().join(",");
        config.redis.timeout_ms = 2_000;
    };
    let (three, four) = (rig.another(at).await, rig.another(at).await);
    let mut town = Town::new(rig, 1_000).await;
    everybody_wants_one_slot(&mut town, "redis", [&one, &two], || {}).await;
    everybody_wants_one_slot(&mut town, "cluster", [&three, &four], || {}).await;
    everybody_wants_one_slot(&mut town, "open", [&open, &open], || {}).await;
    everybody_wants_one_slot(&mut town, "killed", [&one, &two], || redis.kill()).await;
    town.is_acquitted().await;
    assert!(cluster.keys().iter().sum::<u32>() > 0, "the cluster was asked, not only the tables");
    for server in [one, two, three, four, open] {
        server.stop().await;
    }
});

both!(overlapping_slots_and_pairs_in_either_order_are_never_booked_twice, async |rig: &Rig| {
    let open = rig.another(|config| config.gate = GateKind::Open).await;
    let mut town = Town::new(rig, 300).await;
    for server in [&**rig, &open] {
        let base = &server.base;
        let (room, slots) = town.room(&[(540, 600), (570, 630), (600, 660)]).await;
        // Either order of a pair: no deadlock reaches a client, and nobody gets half of it.
        let (hall, pair) = town.room(&[(540, 600), (600, 660)]).await;
        let wish = |i: usize| match i % 3 {
            0 => town.wish(base, i, &hall, &hall, &[&pair[i % 2], &pair[(i + 1) % 2]]),
            _ => town.wish(base, i, &room, &room, &[&slots[i / 3 % 3]]),
        };
        let outcomes = town.crowd.rush((0..300).map(wish).collect()).await;
        let pairs: Vec<_> = outcomes.iter().step_by(3).cloned().collect();
        assert_eq!((done(&pairs), taken(&pairs)), (1, 99));
        assert!((2..=3).contains(&done(&outcomes)) && done(&outcomes) + taken(&outcomes) == 300);
    }
    town.is_acquitted().await;
    open.stop().await;
});

/// The last unit is booked at a server that then dies or stalls; the reply is lost; while a crowd
/// wants the same slot everywhere, the resident tries again at another server.
async fn a_lost_reply_is_replayed(rig: &Rig, other: &Server, fault: &str) {
    // The other process has the clock on the wall.
    rig.clock.set(Env::system().now());
    let mut town = Town::new(rig, 120).await;
    let (room, slots) = town.room(&[(540, 600)]).await;
    let redis = other.app.config.redis.url.as_str();
    let dying =
        ServerProcess::start(rig.database_url(), &[("LINLI_FAILPOINTS", fault), ("LINLI_REDIS_URL", redis)]);
    let mine = town.wish(&dying.base, 0, "mine", &room, &[&slots[0]]);
    let booked = async {
        while town.office.slots(&room, &town.date).await.unwrap()[0].free > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(town.crowd.create(&mine, booked).await, Outcome::Unknown);
    let wishes = (1..120).map(|i| town.wish(&other.base, i, "theirs", &room, &[&slots[0]])).collect();
    let crowd = town.crowd.clone();
    let rush = tokio::spawn(async move { crowd.rush(wishes).await });
    for wait_ms in [1, 10, 1_000] {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let again = Wish { base: other.base.clone(), ..mine.clone() };
        let outcome = town.crowd.create(&again, patience(Duration::from_secs(10))).await;
        assert!(matches!(outcome, Outcome::Done { replayed: true, .. }), "after {wait_ms} ms: {outcome:?}");
    }
    assert_eq!(taken(&rush.await.unwrap()), 119);
    town.is_acquitted().await;
}

both!(a_reply_lost_with_its_server_is_replayed_by_another_in_a_rush, async |rig: &Rig| {
    a_lost_reply_is_replayed(rig, rig, "claim.after_commit=abort").await;
});

both!(a_reply_nobody_waited_for_is_replayed_by_another_in_a_rush, async |rig: &Rig| {
    a_lost_reply_is_replayed(rig, rig, "claim.after_commit=sleep(2000)").await;
});

both!(a_reply_lost_behind_a_cluster_is_replayed_by_another_server, async |rig: &Rig| {
    let cluster = PrivateCluster::spawn();
    let other = rig.another(|config| config.redis.url = cluster.urls().join(",")).await;
    a_lost_reply_is_replayed(rig, &other, "claim.after_commit=abort").await;
    other.stop().await;
});

/// Takes the CHECKs away that say that no more is used than there is.
async fn without_checks(rig: &Rig) {
    let conn = rig.app.db.any_write();
    let statements: &[&str] = if rig.is_postgres() {
        &[
            "ALTER TABLE stock DROP CONSTRAINT stock_used_check",
            "ALTER TABLE quota DROP CONSTRAINT quota_used_check",
        ]
    } else {
        // SQLite cannot drop one; its schema is a table.
        &[
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET sql = replace(sql, '\"used\" <= \"capacity\"', 'TRUE') WHERE name = 'stock'",
            "UPDATE sqlite_schema SET sql = replace(sql, '\"used\" <= \"allowed\"', 'TRUE') WHERE name = 'quota'",
            "PRAGMA writable_schema = RESET",
        ]
    };
    for sql in statements {
        conn.execute_raw(Statement::from_string(conn.get_database_backend(), *sql)).await.unwrap();
    }
}

both!(with_guard_and_check_off_the_same_judge_convicts, async |rig: &Rig| {
    rig.clock.set(Env::system().now());
    let mut town = Town::new(rig, 60).await;
    without_checks(rig).await;
    let unguarded = ServerProcess::start(
        rig.database_url(),
        &[("LINLI_FAILPOINTS", "stock.unguarded=on"), ("LINLI_GATE", "open")],
    );
    let (room, slots) = town.room(&[(540, 600)]).await;
    let (other, overlapping) = town.room(&[(540, 600), (570, 630), (600, 660)]).await;
    let wish = |i: usize| match i % 2 {
        0 => town.wish(&unguarded.base, i, "one", &room, &[&slots[0]]),
        _ => town.wish(&unguarded.base, i, "overlapping", &other, &[&overlapping[i / 2 % 3]]),
    };
    town.crowd.rush((0..60).map(wish).collect()).await;
    let findings = town.findings().await;
    let twice = |room: &str| {
        findings.iter().any(|finding| finding.kind == Kind::Twice && finding.evidence.starts_with(room))
    };
    let kinds: BTreeSet<_> = findings.iter().map(|finding| finding.kind).collect();
    assert!(twice(&room) && twice(&other), "{kinds:?}");

    // Who may have two a week gets more; the same count is what the test of quotas looks at.
    let (wishes, token) = (twenty_of_which_two(rig).await, rig.resident_token().await);
    let asked = wishes.iter().enumerate();
    let asked = asked.map(|(n, body)| book(&unguarded.base, &token, &format!("week-{n}"), body));
    let won = count(&all(asked.collect()).await, 201);
    assert!(won > 2, "the test of quotas cannot see that one is broken: {won}");
});
