//! Personal data stays where it belongs.

use reqwest::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use super::town;
use crate::rig::{Rig, both, send};

// Seeds a person and then searches everything that is stored or said to others.
both!(personal_data_stays_where_it_belongs, async |rig| {
    let personal = ["13612345678", "136-1234", "11010519491231002X", "诸葛孔明"];
    let token = rig.resident_with(personal[0]).await;
    let body = json!({ "name": personal[3], "id_card": personal[2] });
    let patch = rig.request(Method::PATCH, "/v1/me").json(&body).header("If-Match", "\"1\"");
    send(patch.bearer_auth(&token)).await.ok();
    let town = town(rig).await;
    let clerk = json!({ "username": "kongming", "name": personal[3], "phone": personal[0], "organisation_id": town.city });
    send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&town.admin)).await.ok();

    // Good and bad requests of others; what they are told holds none of it.
    let mut told = String::new();
    for key in
        [json!({ "phone": personal[0] }), json!({ "id_card": personal[2] }), json!({ "name": "诸葛孔明1" })]
    {
        told += &send(rig.post("/staff/v1/residents/lookup", &key).bearer_auth(&town.admin)).await.text;
    }
    told += &send(rig.get(&format!("/v1/me?phone={}", personal[0])).bearer_auth(rig.resident_token().await))
        .await
        .text;
    told += &send(rig.post("/v1/me/family/accept", &json!({ "code": personal[2] })).bearer_auth(&token))
        .await
        .text;
    told += &send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&town.admin)).await.text;
    told += &rig.metrics().await;
    // And no column of any table holds it in plain.
    told += &every_row(rig).await;
    for secret in personal {
        assert!(!told.contains(secret), "{secret} was told");
        assert!(!told.contains(&hex::encode(secret)), "{secret} stands in a binary column");
    }
});

async fn every_row(rig: &Rig) -> String {
    let db = rig.app.db.read();
    let backend = rig.app.db.backend();
    let mut all = String::new();
    let (tables, row) = if rig.is_postgres() {
        (
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
            "SELECT t::text FROM {} t",
        )
    } else {
        ("SELECT name FROM sqlite_master WHERE type = 'table'", "")
    };
    for table in db.query_all_raw(Statement::from_string(backend, tables)).await.unwrap() {
        let table: String = table.try_get_by_index(0).unwrap();
        let sql = if row.is_empty() {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns = db.query_all_raw(Statement::from_string(backend, columns)).await.unwrap();
            let quoted: Vec<String> = columns
                .iter()
                .map(|column| format!("quote(\"{}\")", column.try_get_by_index::<String>(0).unwrap()))
                .collect();
            format!("SELECT {} FROM \"{table}\"", quoted.join(" || ' ' || "))
        } else {
            row.replace("{}", &format!("\"{table}\""))
        };
        for row in db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
            all += &row.try_get_by_index::<Option<String>>(0).unwrap().unwrap_or_default();
            all.push('\n');
        }
    }
    all
}
