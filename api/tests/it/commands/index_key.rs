//! The key of the blind indexes has leaked: it is changed while servers answer.

use linli::app::residents::profile;
use linli_domain::{access::Role, person::Phone};
use linli_store::{
    storage::residents::resident,
    vault::{self, Place},
};
use reqwest::Method;
use sea_orm::{ConnectionTrait, EntityTrait, Set, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{told, told_with};
use crate::rig::{Answer, Rig, both, send};

const PHONE: &str = "13800005555";
const ID_CARD: &str = "11010519491231002X";
const CLERK: &str = "13900006666";

async fn execute(rig: &Rig, sql: &str) {
    rig.app.db.any_write().execute_unprepared(sql).await.unwrap();
}

async fn count(rig: &Rig, sql: &str) -> i64 {
    let statement = Statement::from_string(rig.app.db.backend(), format!("SELECT count(*) AS n FROM {sql}"));
    rig.app.db.any_write().query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
}

/// How many keys of blind indexes there are.
async fn keys(rig: &Rig) -> i64 {
    count(rig, "data_key WHERE purpose = 'index'").await
}

async fn account(rig: &Rig, admin: &str, name: &str, phone: &str) -> Answer {
    let cities = send(rig.get("/staff/v1/organisations?kind=city").bearer_auth(admin)).await.ok();
    let body = json!({ "username": name, "name": "王五", "phone": phone,
        "organisation_id": cities["items"][0]["id"] });
    send(rig.post("/staff/v1/accounts", &body).bearer_auth(admin)).await
}

/// The one resident that staff find by this.
async fn found(rig: &Rig, admin: &str, key: Value) -> String {
    let found = send(rig.post("/staff/v1/residents/lookup", &key).bearer_auth(admin)).await.ok();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{key}: {found}");
    found["items"][0]["id"].as_str().unwrap().to_owned()
}

/// The elder is found by all that names them, and their number makes no second record.
async fn all_find(rig: &Rig, admin: &str, elder: &str) {
    let who = found(rig, admin, json!({ "phone": PHONE })).await;
    for key in [json!({ "id_card": ID_CARD }), json!({ "phone": PHONE })] {
        assert_eq!(found(rig, admin, key).await, who);
    }
    let again = rig.resident_with(PHONE).await;
    for token in [elder, &again] {
        assert_eq!(send(rig.get("/v1/me").bearer_auth(token)).await.ok()["id"], *who);
    }
}

async fn invitation(rig: &Rig, token: &str) -> Value {
    let invited = send(rig.post("/v1/me/family", &json!({ "scopes": ["see"] })).bearer_auth(token)).await;
    invited.ok()["code"].clone()
}

async fn accept(rig: &Rig, code: &Value) -> Answer {
    let token = rig.resident_token().await;
    send(rig.post("/v1/me/family/accept", &json!({ "code": code })).bearer_auth(token)).await
}

both!(a_leaked_index_key_is_changed_while_a_server_answers, async |rig| {
    let admin = &rig.staff_token(Role::CityAdmin, None).await;
    let elder = &rig.resident_with(PHONE).await;
    let names = rig.request(Method::PATCH, "/v1/me").header("If-Match", "\"1\"");
    send(names.json(&json!({ "name": "孙八", "id_card": ID_CARD })).bearer_auth(elder)).await.ok();
    let clerk = account(rig, admin, "clerk.one", CLERK).await.ok();
    let (first, second) = (invitation(rig, elder).await, invitation(rig, elder).await);

    assert!(
        told(rig, &["vault", "rotate-index"]).well().contains("index key 2 becomes active in ten minutes")
    );
    told(rig, &["vault", "rotate-index"]).refuses("is being changed already");
    told(rig, &["vault", "reindex"]).refuses("not every server knows the new key yet");
    rig.app.vault.reload(&rig.app.db).await.unwrap();
    all_find(rig, admin, elder).await;

    // Half an hour later the new key is written under, and what is under the old one is still found.
    let early = "UPDATE data_key SET active_from = '2026-03-02T02:20:00+00:00' \
                 WHERE purpose = 'index' AND version = 2";
    rig.clock.advance(chrono::Duration::minutes(30));
    execute(rig, early).await;
    rig.app.vault.reload(&rig.app.db).await.unwrap();
    all_find(rig, admin, elder).await;
    let [new, old] = &rig.app.vault.indexes("staff.phone", CLERK)[..] else { panic!("two keys") };
    assert!(new != old && *new == rig.app.vault.index(rig.app.env.now(), "staff.phone", CLERK));
    account(rig, admin, "clerk.two", CLERK).await.is_problem(409, "phone_taken");
    let other = account(rig, admin, "clerk.two", "13900007777").await.ok();
    let path = format!("/staff/v1/accounts/{}", other["account"]["id"].as_str().unwrap());
    let change = rig.request(Method::PATCH, &path).header("If-Match", "\"1\"");
    let change = send(change.json(&json!({ "phone": CLERK })).bearer_auth(admin)).await;
    change.is_problem(409, "phone_taken");
    let sign_in = json!({ "login": CLERK, "password": clerk["first_password"] });
    send(rig.post("/staff/v1/auth/sign-in", &sign_in)).await.ok();
    accept(rig, &first).await.ok();

    let carried = told(rig, &["vault", "reindex"]).well();
    // Two numbers, a name and an identity number; what was written since is under the new key.
    assert!(carried.contains("4 carried over; the key before is gone"), "{carried}");
    assert_eq!(keys(rig).await, 1);
    for turn in ["this server knows both keys still", "and now one"] {
        all_find(rig, admin, elder).await;
        let taken = account(rig, admin, "clerk.three", CLERK).await;
        assert_eq!(taken.json["code"], "phone_taken", "{turn}");
        send(rig.post("/staff/v1/auth/sign-in", &sign_in)).await.ok();
        accept(rig, &second).await.is_problem(422, "family_code_invalid");
        rig.app.vault.reload(&rig.app.db).await.unwrap();
    }
    assert!(told(rig, &["vault", "verify"]).well().contains(": 0 not under the active key"));
    assert!(told(rig, &["vault", "reindex"]).well().contains(": 0 carried over"));
});

/// Residents who arrived with a telephone number, as the city's old system might bring them.
async fn arrived(rig: &Rig, many: u64) -> Vec<(Uuid, Phone)> {
    let (app, now) = (&rig.app, rig.app.env.now());
    let people: Vec<_> =
        (0..many).map(|n| (app.env.id::<Uuid>(), Phone::parse(&format!("137{n:08}")).unwrap())).collect();
    for some in people.chunks(200) {
        let rows = some.iter().map(|(id, phone)| {
            let place = Place::new("resident", "phone_sealed", *id);
            resident::ActiveModel {
                id: Set(*id),
                phone_sealed: Set(Some(app.vault.seal(&app.env, place, phone.expose()).unwrap())),
                phone_index: Set(Some(app.vault.index(now, "resident.phone", phone.expose()))),
                assurance: Set("phone".to_owned()),
                version: Set(1),
                created_at: Set(now),
                updated_at: Set(now),
                ..Default::default()
            }
        });
        let insert = resident::Entity::insert_many(rows);
        insert.exec_without_returning(app.db.any_write()).await.unwrap();
    }
    people
}

both!(a_change_of_the_index_key_that_was_killed_is_taken_up_again, async |rig| {
    let (app, people) = (&rig.app, arrived(rig, 1_200).await);
    let index = |phone: &Phone| app.vault.index(app.env.now(), "resident.phone", phone.expose());
    let some: Vec<_> = people.iter().step_by(97).map(|(id, phone)| (id, phone, index(phone))).collect();
    assert_eq!(app.vault.rotate_index(&app.db, &app.env).await.unwrap(), Some(2));
    rig.clock.advance(chrono::Duration::minutes(12));
    let still_old = async || {
        let mut left = 0;
        for (id, phone, index) in &some {
            assert_eq!(profile::ensure_by_phone(app, phone).await.unwrap().0, **id);
            let row = resident::Entity::find_by_id(**id).one(app.db.read()).await.unwrap().unwrap();
            left += usize::from(row.phone_index.as_ref() == Some(index));
        }
        left
    };
    let all = some.len();
    assert_eq!(still_old().await, all);
    let mut left = vec![all];
    for fault in [
        "reindex.before_commit=abort(1)",
        "reindex.before_commit=abort(2)",
        "reindex.after_commit=abort(1)",
        "reindex.before_forgetting=abort(1)",
    ] {
        let killed = told_with(rig, &["vault", "reindex"], &[("LINLI_FAILPOINTS", fault)]);
        assert!(!killed.ok, "{fault} did not strike: {}", killed.out);
        left.push(still_old().await);
        assert_eq!(keys(rig).await, 2, "{fault}");
    }
    assert!(left[1] == all && left[2] < all && left[3] < left[2] && left[4] == 0, "{left:?}");
    let said = told(rig, &["vault", "reindex"]).well();
    assert!(said.contains("1200 indexed values: 0 carried over"), "{said}");
    assert_eq!((keys(rig).await, still_old().await), (1, 0));
    assert_eq!(vault::check_indexes(&app.db, &app.env, &app.vault).await.unwrap().values, 1_200);
    app.vault.reload(&app.db).await.unwrap();
    assert_eq!(still_old().await, 0, "and found under the one key that is left");
});
