//! The commands of an operator on a database that a server is using.

mod index_key;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use linli_domain::access::Role;
use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    process::linli,
    rig::{MASTER_KEYS, Rig, both, send},
};

/// What a command said: success, answer, complaint.
struct Said {
    ok: bool,
    out: String,
    err: String,
}

fn told_with(rig: &Rig, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let mut command = linli(arguments, rig.database_url(), folder.path());
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Said {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    #[track_caller]
    fn well(self) -> String {
        assert!(self.ok, "{}", self.err);
        self.out
    }

    /// Exits with 1 and says why, on standard error alone.
    #[track_caller]
    fn refuses(&self, words: &str) {
        assert!(!self.ok && self.err.contains(words), "{words:?} is not in {:?}", self.err);
    }
}

fn told(rig: &Rig, arguments: &[&str]) -> Said {
    told_with(rig, arguments, &[])
}

both!(the_first_accounts_are_made_on_the_command_line, async |rig| {
    let said = told(rig, &["staff", "--user", "Zhang.San", "--role", "sysadmin", "--city", "江城市"]).well();
    assert!(said.contains("Zhang.San") && said.contains("is sysadmin"), "{said}");
    let first = said.trim().rsplit(' ').next().unwrap();
    let sign_in = json!({ "login": "zhang.san", "password": first });
    let tokens = send(rig.post("/staff/v1/auth/sign-in", &sign_in)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    let list = send(rig.get("/staff/v1/organisations").bearer_auth(token)).await;
    list.is_problem(403, "password_change_required");

    // A second role goes to the same account, whose password nobody is told again.
    let said = told(rig, &["staff", "--user", "zhang.san", "--role", "auditor", "--city", "另一市"]).well();
    assert!(said.contains("is auditor") && !said.contains("password"), "{said}");
    // What a session may is believed for two seconds; a new one is asked for.
    let again = send(rig.post("/staff/v1/auth/sign-in", &sign_in)).await.ok();
    let again = again["access_token"].as_str().unwrap();
    let me = send(rig.get("/staff/v1/me").bearer_auth(again)).await.ok();
    assert_eq!(me["roles"].as_array().unwrap().len(), 2, "{me}");
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let cities = send(rig.get("/staff/v1/organisations?kind=city").bearer_auth(&admin)).await.ok();
    assert_eq!(cities["items"].as_array().unwrap().len(), 1);
    assert_eq!(cities["items"][0]["name"], "江城市");

    told(rig, &["staff", "--user", "li.si", "--role", "king"]).refuses("there are sysadmin");
    told(rig, &["staff", "--user", "13800000000", "--role", "auditor"]).refuses("A user name has 3 to 32");
    let nowhere = "01a20000-0000-7000-8000-000000000000";
    told(rig, &["staff", "--user", "li.si", "--role", "auditor", "--organisation", nowhere])
        .refuses("Not found.");
    let city = cities["items"][0]["id"].as_str().unwrap();
    told(rig, &["staff", "--user", "li.si", "--role", "street_manager", "--organisation", city])
        .refuses("organisation of this kind cannot");
    let accounts = send(rig.get("/staff/v1/accounts").bearer_auth(&admin)).await.text;
    assert!(!accounts.contains("li.si"), "what was refused left an account");
});

both!(tokens_for_scripts_open_what_their_owner_may, async |rig| {
    let phones = ["13800001111", "+86 138-0000-2222"];
    let said = told(rig, &["token", "--ttl", "600", "resident", "--phone", phones[0], phones[1]]).well();
    let tokens: Vec<&str> = said.lines().collect();
    assert_eq!(tokens.len(), 2, "a line each");
    for (token, phone) in tokens.iter().zip(["13800001111", "13800002222"]) {
        let me = send(rig.get("/v1/me").bearer_auth(token)).await.ok();
        assert_eq!(me["phone"], phone);
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert!(!claims.to_string().contains("13800"), "a token names nobody");
    }
    told(rig, &["staff", "--user", "clerk", "--role", "auditor"]).well();
    let token = told(rig, &["token", "staff", "--user", "Clerk"]).well();
    let audit = send(rig.get("/staff/v1/audit?action=staff.token").bearer_auth(token.trim())).await.ok();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "who holds the keys leaves a trace");
    told(rig, &["token", "staff", "--user", "nobody"]).refuses("Not found.");
    let wrong = told(rig, &["token", "resident", "--phone", "138000011"]);
    assert!(!wrong.ok && !wrong.err.contains("138000011"), "{}", wrong.err);
});

both!(keys_of_personal_data_rotate_while_a_server_reads, async |rig| {
    let token = rig.resident_with("13800003333").await;
    let patch = rig.request(Method::PATCH, "/v1/me").header("If-Match", "\"1\"");
    send(patch.json(&json!({ "name": "钱七" })).bearer_auth(&token)).await.ok();
    rig.resident_with("13800004444").await;
    let counts = |said: &str, words: &str| assert!(said.contains(words), "{words:?} is not in {said}");
    counts(&told(rig, &["vault", "verify"]).well(), "3 sealed values: 0 under an older key, 0 do not open");
    counts(&told(rig, &["vault", "rotate"]).well(), "data key 2 becomes active in ten minutes");
    counts(&told(rig, &["vault", "reencrypt"]).well(), "3 sealed values: 0 under an older key");
    let write = async |sql: &str| rig.app.db.any_write().execute_unprepared(sql).await.unwrap();
    // Ten minutes later.
    write("UPDATE data_key SET active_from = created_at").await;
    counts(
        &told(rig, &["vault", "reencrypt"]).well(),
        "3 sealed values: 3 under an older key, 0 do not open",
    );
    counts(&told(rig, &["vault", "verify"]).well(), "3 sealed values: 0 under an older key");
    rig.app.vault.reload(&rig.app.db).await.unwrap();
    let me = send(rig.get("/v1/me").bearer_auth(&token)).await.ok();
    assert_eq!((me["name"].as_str(), me["phone"].as_str()), (Some("钱七"), Some("13800003333")));

    // Another master key takes the first one's place.
    let second = "2:YW5vdGhlciBtYXN0ZXIga2V5IGZvciB0ZXN0cyBvbmw=";
    let with =
        |keys: &str, what: &str| told_with(rig, &["vault", what], &[("LINLI_VAULT_MASTER_KEYS", keys)]);
    let both_keys = format!("{MASTER_KEYS},{second}");
    with(second, "verify").refuses("is its master key configured?");
    counts(&with(&both_keys, "rewrap").well(), "3 keys are under the newest master key");
    counts(&with(second, "verify").well(), "3 sealed values: 0 under an older key, 0 do not open");
    with(MASTER_KEYS, "verify").refuses("is its master key configured?");

    // A value that was moved to another person does not open there.
    write(
        "UPDATE resident SET phone_sealed = (SELECT r.phone_sealed FROM resident r WHERE r.name_sealed IS NOT NULL)",
    )
    .await;
    let broken = with(second, "verify");
    broken.refuses("do not open in their place");
    counts(&broken.out, "1 do not open");
});
