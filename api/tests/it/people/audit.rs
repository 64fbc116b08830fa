//! The audit and its seals.

use linli_store::audit_seal;
use sea_orm::{ConnectionTrait, Statement};

use super::town;
use crate::rig::both;

both!(an_altered_audit_breaks_its_seal, async |rig| {
    town(rig).await;
    while audit_seal::seal(&rig.app.db, &rig.app.env).await.unwrap() {}
    let (seals, broken) = audit_seal::verify(rig.app.db.read()).await.unwrap();
    assert!(seals >= 3 && broken.is_empty(), "{broken:?}");
    let db = rig.app.db.any_write();
    let alter = "UPDATE audit SET action = 'organisation.nothing' WHERE id = (SELECT min(id::text)::uuid FROM audit WHERE seal_seq = 1)";
    let sqlite = "UPDATE audit SET action = 'organisation.nothing' WHERE id = (SELECT min(id) FROM audit WHERE seal_seq = 1)";
    let sql = if rig.is_postgres() { alter } else { sqlite };
    db.execute_raw(Statement::from_string(rig.app.db.backend(), sql)).await.unwrap();
    let (_, broken) = audit_seal::verify(rig.app.db.read()).await.unwrap();
    assert_eq!(broken.len(), 1);
});
