//! The scenarios, by name.

use std::time::Duration;

/// What strikes from outside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// SIGKILL of one server after the other.
    KillServer,
    /// FLUSHALL.
    FlushRedis,
    /// SIGKILL of Redis, which comes back empty.
    KillRedis,
    /// SIGSTOP of Redis, then SIGCONT.
    FreezeRedis,
}

/// What is done to the servers while residents book.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Fail points of the first server; when it dies of one it is started with it again.
    pub(super) fail_points: &'static str,
    /// Whether residents often stop listening before the answer.
    pub(super) gives_up: bool,
    pub(super) faults: &'static [Fault],
    /// From one fault to the next; half of it the fault lasts.
    pub(super) every: Duration,
}

const fn dies(name: &'static str, fail_points: &'static str) -> Scenario {
    Scenario { name, fail_points, gives_up: false, faults: &[], every: Duration::from_millis(200) }
}

const fn struck(name: &'static str, faults: &'static [Fault], every_ms: u64) -> Scenario {
    Scenario { name, fail_points: "", gives_up: false, faults, every: Duration::from_millis(every_ms) }
}

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
    struck("calm", &[], 500),
    Scenario {
        name: "lost-replies",
        fail_points: "claim.after_commit=sleep(20);release.after_commit=sleep(20)",
        gives_up: true,
        faults: &[],
        every: Duration::from_millis(500),
    },
    dies("die-claim.reserved", "claim.reserved=abort(30)"),
    dies("die-claim.before_commit", "claim.before_commit=abort(15)"),
    dies("die-claim.after_commit", "claim.after_commit=abort(15)"),
    dies("die-claim.settled", "claim.settled=abort(15)"),
    dies("die-release.before_commit", "release.before_commit=abort(10)"),
    dies("die-release.after_commit", "release.after_commit=abort(10)"),
    dies("die-gate.load", "gate.load=abort(1)"),
    dies("die-gate.sync", "gate.sync=abort(20)"),
    dies("slow-gate", "gate.load=sleep(300);gate.sync=sleep(300)"),
    struck("kill-servers", &[Fault::KillServer], 1_500),
    struck("flush-redis", &[Fault::FlushRedis], 400),
    struck("kill-redis", &[Fault::KillRedis], 1_500),
    struck("freeze-redis", &[Fault::FreezeRedis], 1_500),
    Scenario {
        name: "everything",
        fail_points: "claim.after_commit=abort(60);gate.sync=sleep(100)",
        gives_up: true,
        faults: &[Fault::FlushRedis, Fault::KillServer, Fault::FreezeRedis, Fault::KillRedis],
        every: Duration::from_millis(800),
    },
];
