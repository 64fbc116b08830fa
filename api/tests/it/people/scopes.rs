//! Who sees what: a place outside one's scope is not there.

use linli_domain::access::{OrganisationKind, Role};
use linli_store::storage::schema;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use super::{OrganisationId, organisation, town};
use crate::rig::{both, send};

both!(what_lies_outside_the_scope_is_not_found, async |rig| {
    let town = town(rig).await;
    let manager = rig.staff_token(Role::StreetManager, Some(town.streets[0])).await;
    let see = async |path: String| send(rig.get(&path).bearer_auth(&manager)).await;
    let own = see(format!("/staff/v1/organisations/{}", town.communities[0])).await;
    assert_eq!((own.status, own.header("etag")), (200, "\"1\""));
    for outside in [town.communities[1], town.streets[1], town.district] {
        see(format!("/staff/v1/organisations/{outside}")).await.is_problem(404, "not_found");
    }
    let list = see("/staff/v1/organisations?limit=100".to_owned()).await.ok();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["甲街道", "甲社区", "运营公司"]);

    // A cursor is no way round: made in another scope, it opens nothing.
    let wide = send(rig.get("/staff/v1/organisations?limit=1").bearer_auth(&town.admin)).await.ok();
    let cursor = wide["next_cursor"].as_str().unwrap();
    see(format!("/staff/v1/organisations?limit=1&cursor={cursor}")).await.is_problem(400, "cursor_invalid");

    // An account outside can neither be seen nor made.
    let clerk = json!({ "username": "clerk1", "name": "李四", "organisation_id": town.communities[1] });
    send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&manager)).await.is_problem(404, "not_found");
    let made = send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&town.admin)).await.ok();
    let account = made["account"]["id"].as_str().unwrap().to_owned();
    see(format!("/staff/v1/accounts/{account}")).await.is_problem(404, "not_found");
});

both!(moving_a_street_moves_everything_below_it, async |rig| {
    let town = town(rig).await;
    let other = organisation(rig, &town.admin, town.city, OrganisationKind::District, "滨江区").await;
    let clerk = rig.staff_token(Role::CommunityManager, Some(town.communities[0])).await;
    let shift = async |version: &str, to: OrganisationId| {
        let path = format!("/staff/v1/organisations/{}/move", town.streets[0]);
        send(
            rig.post(&path, &json!({ "parent_id": to })).header("If-Match", version).bearer_auth(&town.admin),
        )
        .await
    };
    shift("\"7\"", other).await.is_problem(412, "precondition_failed");
    shift("\"1\"", town.communities[1]).await.is_problem(422, "organisation_misplaced");
    shift("\"1\"", other).await.ok();
    let path = format!("/staff/v1/organisations/{}", town.communities[0]);
    let community = send(rig.get(&path).bearer_auth(&town.admin)).await.ok();
    assert!(community["path"].as_str().unwrap().contains(&format!("/{other}/{}/", town.streets[0])));

    // No copy of the old path is left anywhere but in the audit.
    let db = rig.app.db.read();
    let old = format!("%/{}/{}/%", town.district, town.streets[0]);
    for table in schema::tables_with(db, "org_path").await.unwrap() {
        if ["audit"].contains(&table.as_str()) {
            continue;
        }
        let sql = format!("SELECT 1 AS found FROM {table} WHERE org_path LIKE $1");
        let statement = Statement::from_sql_and_values(rig.app.db.backend(), sql, [old.as_str().into()]);
        assert!(db.query_one_raw(statement).await.unwrap().is_none(), "{table} holds an old path");
    }
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    assert_eq!(send(rig.get(&path).bearer_auth(&clerk)).await.status, 200, "roles moved along");
});
