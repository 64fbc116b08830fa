//! The schema under `kill -9`: whatever was cut off, the next `linli migrate` completes it; and rows that
//! were there before a migration.

use std::{process::Stdio, thread, time::Duration};

use linli_domain::{
    bookings::{CancelledBy, State},
    time::local_date,
};
use linli_migrations::{Migrator, MigratorTrait};
use linli_store::{
    Db, Env,
    storage::bookings::{self, Desk},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use crate::{
    database::Fresh,
    process::linli,
    rig::{Rig, monday_morning},
};

/// Every table and index with what defines it, sorted.
async fn schema(db: &Db) -> Vec<String> {
    let sql = match db.backend() {
        DbBackend::Postgres => {
            "SELECT table_name || '.' || column_name || ' ' || data_type AS line \
             FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        }
        _ => "SELECT COALESCE(sql, name) AS line FROM sqlite_master ORDER BY 1",
    };
    let rows = db.read().query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "line").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_migration_leaves_nothing_that_the_next_one_trips_over() {
    for (whole, cut) in [
        (Fresh::sqlite().await, Fresh::bare_sqlite()),
        (Fresh::postgres().await, Fresh::bare_postgres().await),
    ] {
        let data = tempfile::tempdir().unwrap();
        for patience_ms in [20, 40, 60, 80, 120, 160, 200] {
            let mut migrate = linli(&["migrate"], &cut.url, data.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(patience_ms));
            // It may have ended by itself.
            let _ = migrate.kill();
            migrate.wait().unwrap();
        }
        let last = linli(&["migrate"], &cut.url, data.path()).output().unwrap();
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
        let (expected, found) = (whole.connect().await, cut.connect().await);
        assert_eq!(schema(&expected).await, schema(&found).await);
        for (db, fresh) in [(expected, whole), (found, cut)] {
            db.close().await.unwrap();
            fresh.remove().await;
        }
    }
}

/// What a server wrote before texts of bookings were sealed: a live booking with a purpose, a cancelled
/// one with a reason, and one that staff cancelled.
async fn bookings_as_they_were(db: &Db) -> [Uuid; 3] {
    let (env, now) = (Env::system(), monday_morning());
    let run = async |sql: &str, values: Vec<Value>| {
        let statement = Statement::from_sql_and_values(db.backend(), sql, values);
        db.any_write().execute_raw(statement).await.unwrap();
    };
    let [room, slot, place, who, staff]: [Uuid; 5] = std::array::from_fn(|_| env.id());
    let room_sql = "INSERT INTO room (id, facility_id, org_path, name, grid_minutes, max_party_size, \
         lead_minutes, horizon_days, cancel_until_minutes, version, created_at, updated_at) \
         VALUES ($1, $2, '/a/', '多功能厅', 30, 10, 0, 14, 0, 1, $3, $3)";
    run(room_sql, vec![room.into(), place.into(), now.into()]).await;
    let slot_sql = "INSERT INTO slot (id, room_id, on_date, starts_at, ends_at, published_at) \
         VALUES ($1, $2, $3, $4, $5, $4)";
    let end = now + chrono::Duration::hours(1);
    run(slot_sql, vec![slot.into(), room.into(), local_date(now).into(), now.into(), end.into()]).await;
    let ids: [Uuid; 3] = std::array::from_fn(|_| env.id());
    for (id, purpose, (state, by, reason)) in [
        (ids[0], Some("合唱排练"), ("confirmed", None, None)),
        (ids[1], None, ("cancelled", Some(("resident", who)), Some("腿疼"))),
        (ids[2], None, ("cancelled", Some(("staff", staff)), None)),
    ] {
        run(
            "INSERT INTO claim (id, principal, digest, created_at) VALUES ($1, 'r', 'd', $2)",
            vec![id.into(), now.into()],
        )
        .await;
        let sql = "INSERT INTO booking (id, room_id, facility_id, org_path, resident_id, party_size, purpose, \
             starts_at, ends_at, cancel_until, state, cancelled_at, cancelled_by_kind, cancelled_by_id, \
             cancel_reason, created_at, version) \
             VALUES ($1, $2, $3, '/a/', $4, 4, $5, $6, $7, $6, $8, $9, $10, $11, $12, $6, 3)";
        run(
            sql,
            vec![
                id.into(),
                room.into(),
                place.into(),
                who.into(),
                purpose.map(str::to_owned).into(),
                now.into(),
                end.into(),
                state.to_owned().into(),
                by.map(|_| now).into(),
                by.map(|(kind, _)| kind.to_owned()).into(),
                by.map(|(_, id)| id).into(),
                reason.map(str::to_owned).into(),
            ],
        )
        .await;
        let joined = "INSERT INTO booking_slot (booking_id, slot_id) VALUES ($1, $2)";
        run(joined, vec![id.into(), slot.into()]).await;
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_of_before_survive_and_what_lay_open_is_sealed() {
    for fresh in [Fresh::bare_sqlite(), Fresh::bare_postgres().await] {
        let db = fresh.connect().await;
        let before = Migrator::migrations();
        let before = before.iter().position(|step| step.name().ends_with("rebuild_booking")).unwrap();
        Migrator::up(db.any_write(), Some(u32::try_from(before).unwrap())).await.unwrap();
        let ids = bookings_as_they_were(&db).await;
        Migrator::up(db.any_write(), None).await.unwrap();
        db.close().await.unwrap();

        let rig = Rig::start(fresh, |_| {}).await;
        let (desk, conn) = (Desk { vault: &rig.app.vault, env: &rig.app.env }, rig.app.db.read());
        let open = "SELECT 1 FROM booking WHERE purpose_open IS NOT NULL OR reason_open IS NOT NULL";
        let open = Statement::from_string(rig.app.db.backend(), open);
        for left in 0..=100 {
            // Readable before the job has come by and after it.
            for (id, purpose, reason) in
                [(ids[0], Some("合唱排练"), None), (ids[1], None, Some("腿疼")), (ids[2], None, None)]
            {
                let booking = bookings::any(conn, desk, id.into()).await.unwrap().unwrap();
                assert_eq!((booking.purpose.as_deref(), booking.version), (purpose, 3));
                assert_eq!((booking.slots.len(), booking.price_fen), (1, 0));
                match booking.state {
                    State::Confirmed => assert_eq!(id, ids[0]),
                    State::Cancelled { by, reason: why, .. } => {
                        assert_eq!(why.as_deref(), reason);
                        assert_eq!(matches!(by, CancelledBy::Staff(_)), id == ids[2]);
                    }
                    other => panic!("{other:?}"),
                }
            }
            if conn.query_one_raw(open.clone()).await.unwrap().is_none() {
                break;
            }
            assert!(left < 100, "nobody sealed what lay open");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        rig.finish().await;
    }
}
