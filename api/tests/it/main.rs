//! Linli through its own front door: a real server on a real port, on SQLite and on PostgreSQL.
//!
//! One binary for all contexts, since linking is what costs time. Needs the services that
//! `.ci/with-services` starts; see CONTRIBUTING.md.

#![allow(clippy::unwrap_used, reason = "a test that cannot arrange what it needs should stop right there")]

// The instruments are those of the storage's own tests.
#[path = "../../store/src/testing/database.rs"]
mod database;
mod private_meili;
#[path = "../../store/src/testing/redis.rs"]
mod private_redis;
mod process;
mod rig;

mod booking_closures;
mod booking_doors;
mod booking_faults;
mod booking_life;
mod booking_quotas;
mod booking_refusals;
mod booking_series;
mod bookings;
mod commands;
mod demo;
mod discovery;
mod discovery_left;
mod eval;
mod exchange;
mod exchange_doors;
mod facilities;
mod facility_scopes;
mod faults;
mod meili;
mod migrate;
mod operations;
mod operator;
mod people;
mod pictures;
mod privacy;
mod races;
mod readme;
mod reports;
mod room_moves;
mod room_timetables;
mod rush;
mod shutdown;
mod strict;
mod transport;
