//! Staying signed in: each refresh token is good once, a stolen one ends the session, and nothing
//! of an ended session opens anything.

use linli::app::sessions as signed;
use linli_domain::{access::Role, ids::ResidentId};
use linli_store::storage::sessions::{self, Owner};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, Server, both, send};

/// Longer than a server believes what it knows of a session.
const NOTICED: std::time::Duration = std::time::Duration::from_millis(2_200);

/// Signs a fresh staff account in by its password.
async fn staff(rig: &Rig) -> Value {
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let me = send(rig.get("/staff/v1/organisations?kind=city").bearer_auth(&admin)).await.ok();
    let username = format!("u{}", &rig.app.env.id::<uuid::Uuid>().simple().to_string()[20..]);
    let body = json!({ "username": username, "name": "王五", "organisation_id": me["items"][0]["id"] });
    let made = send(rig.post("/staff/v1/accounts", &body).bearer_auth(&admin)).await.ok();
    let sign_in = json!({ "login": username, "password": made["first_password"] });
    send(rig.post("/staff/v1/auth/sign-in", &sign_in)).await.ok()
}

/// Opens a resident's session as a channel does.
async fn resident(rig: &Rig) -> Value {
    let token = rig.resident_token().await;
    let me = send(rig.get("/v1/me").bearer_auth(&token)).await.ok();
    let id: ResidentId = me["id"].as_str().unwrap().parse().unwrap();
    let app = &rig.app;
    let opened = app
        .db
        .in_tx("test.open", |tx| async move {
            let opened = sessions::open(tx.conn(), &app.env, Owner::Resident(id), "test").await?;
            tx.commit(opened).await
        })
        .await
        .unwrap();
    let tokens = signed::tokens(app, &opened).unwrap();
    json!({ "access_token": tokens.access, "refresh_token": *tokens.refresh })
}

/// The two audiences: where they renew, where they read themselves.
const RESIDENTS: [&str; 2] = ["/v1/auth/refresh", "/v1/me"];
const STAFF: [&str; 2] = ["/staff/v1/auth/refresh", "/staff/v1/me"];

async fn renew(server: &Server, [path, _]: [&str; 2], tokens: &Value) -> Answer {
    send(server.post(path, &json!({ "refresh_token": tokens["refresh_token"] }))).await
}

async fn me(server: &Server, [_, path]: [&str; 2], tokens: &Value) -> Answer {
    send(server.get(path).bearer_auth(tokens["access_token"].as_str().unwrap())).await
}

both!(each_refresh_token_is_good_once_and_a_late_one_ends_the_session_everywhere, async |rig| {
    let other = rig.another(|_| {}).await;
    for (audience, first) in [(RESIDENTS, resident(rig).await), (STAFF, staff(rig).await)] {
        let second = renew(rig, audience, &first).await.ok();
        assert_ne!(second["refresh_token"], first["refresh_token"]);
        let lost = renew(&other, audience, &first).await.ok();
        assert_eq!(lost["refresh_token"], second["refresh_token"], "the answer that was lost, again");
        let third = renew(rig, audience, &second).await.ok();
        for tokens in [&first, &second, &third] {
            assert_eq!(me(&other, audience, tokens).await.status, 200, "the session lives");
        }
        // Somebody has kept the first one.
        rig.clock.advance(chrono::Duration::seconds(31));
        renew(rig, audience, &first).await.is_problem(401, "unauthenticated");
        renew(rig, audience, &third).await.is_problem(401, "unauthenticated");
        tokio::time::sleep(NOTICED).await;
        for server in [&**rig, &other] {
            for tokens in [&first, &second, &third] {
                me(server, audience, tokens).await.is_problem(401, "unauthenticated");
            }
        }
    }
    let auditor = rig.staff_token(Role::Auditor, None).await;
    let told = send(rig.get("/staff/v1/audit?action=session.reuse").bearer_auth(&auditor)).await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 2, "{told}");
    other.stop().await;
});

both!(renewing_at_once_gives_everyone_the_same_next_token, async |rig| {
    let other = rig.another(|_| {}).await;
    let first = resident(rig).await;
    let answers = (0..20).map(|n| renew(if n % 2 == 0 { rig } else { &other }, RESIDENTS, &first));
    let answers = futures_util::future::join_all(answers).await;
    let next: std::collections::HashSet<_> =
        answers.into_iter().map(|answer| answer.ok()["refresh_token"].to_string()).collect();
    assert_eq!(next.len(), 1, "the family forked");
    let next: Value = serde_json::from_str(next.iter().next().unwrap()).unwrap();
    renew(rig, RESIDENTS, &json!({ "refresh_token": next })).await.ok();
    other.stop().await;
});

both!(a_refresh_token_is_for_its_audience_and_is_not_used_up_by_the_other, async |rig| {
    let (resident, staff) = (resident(rig).await, staff(rig).await);
    renew(rig, STAFF, &resident).await.is_problem(401, "unauthenticated");
    renew(rig, RESIDENTS, &staff).await.is_problem(401, "unauthenticated");
    me(rig, STAFF, &resident).await.is_problem(401, "unauthenticated");
    me(rig, RESIDENTS, &staff).await.is_problem(401, "unauthenticated");
    rig.clock.advance(chrono::Duration::seconds(31));
    renew(rig, RESIDENTS, &resident).await.ok();
    renew(rig, STAFF, &staff).await.ok();
    for nothing in ["", "x", "汉字", &"A".repeat(43)] {
        let answer = renew(rig, RESIDENTS, &json!({ "refresh_token": nothing })).await;
        answer.is_problem(401, "unauthenticated");
    }
    let long = renew(rig, RESIDENTS, &json!({ "refresh_token": "A".repeat(129) })).await;
    long.is_problem(422, "invalid_input");
});

both!(signing_out_ends_both_tokens, async |rig| {
    for (audience, tokens) in [(RESIDENTS, resident(rig).await), (STAFF, staff(rig).await)] {
        let path = audience[0].replace("refresh", "logout");
        let out = rig.post(&path, &json!({})).bearer_auth(tokens["access_token"].as_str().unwrap());
        assert_eq!(send(out).await.status, 204);
        me(rig, audience, &tokens).await.is_problem(401, "unauthenticated");
        renew(rig, audience, &tokens).await.is_problem(401, "unauthenticated");
    }
});

both!(an_access_token_lives_for_minutes_and_a_session_as_long_as_it_is_used, async |rig| {
    let (kept, idle) = (staff(rig).await, staff(rig).await);
    rig.clock.advance(chrono::Duration::seconds(901));
    me(rig, STAFF, &kept).await.is_problem(401, "token_expired");
    let mut tokens = renew(rig, STAFF, &kept).await.ok();
    assert_eq!(me(rig, STAFF, &tokens).await.status, 200);
    // Eight hours without a renewal end a counter's session; renewed, it lasts sixteen and no longer.
    for _ in 0..2 {
        rig.clock.advance(chrono::Duration::hours(7));
        tokens = renew(rig, STAFF, &tokens).await.ok();
    }
    renew(rig, STAFF, &idle).await.is_problem(401, "unauthenticated");
    rig.clock.advance(chrono::Duration::hours(2));
    renew(rig, STAFF, &tokens).await.is_problem(401, "unauthenticated");

    let resident = resident(rig).await;
    rig.clock.advance(chrono::Duration::days(179));
    let tokens = renew(rig, RESIDENTS, &resident).await.ok();
    rig.clock.advance(chrono::Duration::days(181));
    renew(rig, RESIDENTS, &tokens).await.is_problem(401, "unauthenticated");
});
