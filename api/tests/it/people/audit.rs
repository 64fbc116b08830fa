//! The audit and its seals.

use linli::app::staff::bootstrap;
use linli_domain::{
    access::{OrganisationKind, Role},
    ids::AuditId,
};
use linli_store::audit_seal::{self, Fault};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;

use super::{organisation, town};
use crate::{
    process::linli,
    rig::{Rig, both},
};

/// Something done, and a part of the audit sealed with it.
async fn sealed(rig: &Rig) {
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let city = bootstrap::ensure_city(&rig.app, "测试市").await.unwrap().id.into();
    organisation(rig, &admin, city, OrganisationKind::District, "某区").await;
    while audit_seal::seal(&rig.app.db, &rig.app.env).await.unwrap() {}
}

async fn write(rig: &Rig, sql: &str) {
    rig.app.db.any_write().execute_raw(Statement::from_string(rig.app.db.backend(), sql)).await.unwrap();
}

/// `linli audit verify`: its exit code, and what it said.
fn verify(rig: &Rig, arguments: &[&str]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["audit", "verify", "--json"], arguments].concat();
    let output = linli(&arguments, rig.database_url(), folder.path()).output().unwrap();
    let said = serde_json::from_slice(&output.stdout);
    (output.status.code(), said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

both!(an_audit_nobody_touched_is_proved, async |rig| {
    town(rig).await;
    while audit_seal::seal(&rig.app.db, &rig.app.env).await.unwrap() {}
    let (code, first) = verify(rig, &[]);
    assert_eq!((code, &first["unbroken"]), (Some(0), &Value::Bool(true)), "{first}");
    assert!(first["seals"].as_u64().unwrap() >= 3 && first["waiting"] == 0, "{first}");
    for _ in 0..3 {
        sealed(rig).await;
    }
    rig.staff_token(Role::CityAdmin, None).await;
    let heads = first["heads"].as_array().unwrap();
    let noted: Vec<&str> =
        heads.iter().flat_map(|head| ["--seal", head["digest"].as_str().unwrap()]).collect();
    let (code, later) = verify(rig, &noted);
    assert_eq!((code, later["waiting"].as_u64()), (Some(0), Some(2)), "{later}");
});

// Each a way to change the past; every one of them is convicted, and undone before the next.
both!(altered_removed_added_and_reordered_entries_are_convicted, async |rig| {
    for _ in 0..4 {
        sealed(rig).await;
    }
    let verdict = audit_seal::verify(rig.app.db.read()).await.unwrap();
    assert!(verdict.broken.is_empty(), "{verdict:?}");
    let chain = verdict.heads.iter().max_by_key(|head| head.seq).unwrap();
    assert!(chain.seq >= 4, "{verdict:?}");
    let at = format!("org_path = '{}'", chain.chain);
    let copy = |rest: &str| {
        let id: AuditId = rig.app.env.id();
        let id = if rig.is_postgres() { format!("'{id}'") } else { format!("X'{}'", id.0.simple()) };
        format!(
            "INSERT INTO audit (id, at, actor_kind, action, subject_kind, org_path, detail, seal_seq) \
             SELECT {id}, at, actor_kind, action, subject_kind, org_path, detail, {rest} FROM audit \
             WHERE {at} AND seal_seq = 1 LIMIT 1"
        )
    };
    let seals = format!("chain = '{}'", chain.chain);
    let hands = [
        ("altered", format!("UPDATE audit SET action = 'nothing' WHERE {at} AND seal_seq = 2")),
        ("told of another", format!("UPDATE audit SET actor_kind = 'nobody' WHERE {at} AND seal_seq = 2")),
        ("removed", format!("DELETE FROM audit WHERE {at} AND seal_seq = 3")),
        ("removed with its seal", format!("DELETE FROM audit_seal WHERE {seals} AND seq = 3")),
        ("reordered", format!("UPDATE audit SET seal_seq = 4 - seal_seq WHERE {at} AND seal_seq IN (1, 3)")),
        ("added under a seal", copy("2")),
        ("added under none", copy("7777")),
        ("added under a number no seal has", copy("-1")),
        (
            "unsealed to be sealed anew",
            format!("UPDATE audit SET seal_seq = NULL WHERE {at} AND seal_seq = 2"),
        ),
        ("given to another place", format!("UPDATE audit SET org_path = '/x/' WHERE {at} AND seal_seq = 2")),
        (
            "said to be of another day",
            format!(
                "UPDATE audit_seal SET sealed_at = '2026-01-01T00:00:00+00:00' WHERE {seals} AND seq = 2"
            ),
        ),
        (
            "a seal made anew",
            format!("UPDATE audit_seal SET entries = entries + 1 WHERE {seals} AND seq = 2"),
        ),
    ];
    write(rig, "CREATE TABLE kept_audit AS SELECT * FROM audit").await;
    write(rig, "CREATE TABLE kept_seal AS SELECT * FROM audit_seal").await;
    for (how, hand) in hands {
        write(rig, &hand).await;
        let verdict = audit_seal::verify(rig.app.db.read()).await.unwrap();
        assert!(!verdict.broken.is_empty(), "{how}: nobody noticed");
        if how.contains("none") || how.contains("no seal has") {
            assert_eq!(verdict.broken[0].fault, Fault::NoSuchSeal, "{how}");
        }
        for (table, kept) in [("audit", "kept_audit"), ("audit_seal", "kept_seal")] {
            write(rig, &format!("DELETE FROM {table}")).await;
            write(rig, &format!("INSERT INTO {table} SELECT * FROM {kept}")).await;
        }
        let verdict = audit_seal::verify(rig.app.db.read()).await.unwrap();
        assert!(verdict.broken.is_empty(), "{how} was not undone: {verdict:?}");
    }

    // Cut off at the end, a chain is whole in itself; the seal that was noted is missing.
    let noted = hex::encode(&chain.digest);
    for table in [format!("audit WHERE {at} AND seal_seq"), format!("audit_seal WHERE {seals} AND seq")] {
        write(rig, &format!("DELETE FROM {table} = {}", chain.seq)).await;
    }
    assert_eq!(verify(rig, &[]).0, Some(0));
    let (code, said) = verify(rig, &["--seal", &noted]);
    assert_eq!((code, &said["missing"][0]), (Some(3), &Value::String(noted)));
    write(rig, &copy("7777")).await;
    let (code, said) = verify(rig, &[]);
    assert_eq!((code, &said["broken"][0]["fault"]), (Some(3), &Value::String("no_such_seal".to_owned())));
    for table in ["kept_audit", "kept_seal"] {
        write(rig, &format!("DROP TABLE {table}")).await;
    }
});

#[test]
fn an_audit_that_cannot_be_looked_at_is_not_convicted() {
    let folder = tempfile::tempdir().unwrap();
    let output = linli(&["audit", "verify"], "sqlite:/nowhere/linli.db", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
