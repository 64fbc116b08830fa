//! `linli demo`: what it announces answers, and it leaves nothing behind.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// A demo of its own in `folder`, without anything the tests configure.
///
/// Its redis-server notes the process id on the way, so that a test can see it gone.
fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(folder.join("temporary")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let wrapper = programs.join("redis-server");
    let pid_file = folder.join("redis.pid");
    let script =
        format!("#!/bin/sh\necho $$ > '{}'\nPATH='{path}' exec redis-server \"$@\"\n", pid_file.display());
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_linli"));
    command
        .args(["demo", "--json", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("TMPDIR", folder.join("temporary"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.join("stderr.log")).unwrap());
    command
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Waits until `condition` holds, or fails after half a minute.
fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The demo has ended well, and of its Redis and its folder nothing is left.
fn assert_gone(child: &mut Child, folder: &Path) {
    let status = wait_for("the end of the demo", || child.try_wait().unwrap());
    let log = fs::read_to_string(folder.join("stderr.log")).unwrap();
    assert!(status.success(), "{status}: {log}");
    let redis = fs::read_to_string(folder.join("redis.pid")).unwrap();
    let alive = Command::new("kill").args(["-0", redis.trim()]).stderr(Stdio::null()).status().unwrap();
    assert!(!alive.success(), "the private Redis lives on");
    let left: Vec<_> =
        fs::read_dir(folder.join("temporary")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?} are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_demo_announces_answers_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo(folder.path(), &["--size", "1500"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let announced: Value = serde_json::from_str(&line).unwrap();
    let text = |key: &str| announced[key].as_str().unwrap().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["readyz".to_owned(), format!("v1/facilities/nearby?{}", text("here"))] {
        let response = client.get(format!("{}/{path}", text("base_url"))).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}: {}", response.text().await.unwrap());
    }
    assert_eq!(text("gate"), "redis");
    signal(&child, "-TERM");
    assert_gone(&mut child, folder.path());
}

#[test]
fn a_demo_that_is_interrupted_while_it_seeds_leaves_nothing() {
    for name in ["-INT", "-TERM", "-HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = demo(folder.path(), &["--size", "20000"]).spawn().unwrap();
        let log = folder.path().join("stderr.log");
        wait_for("the seeding", || fs::read_to_string(&log).unwrap().contains("generating").then_some(()));
        signal(&child, name);
        // Under `nohup` these tests and the demo outlive their terminal.
        if name == "-HUP" && linli::serve::hangup_is_ignored() {
            thread::sleep(Duration::from_millis(500));
            assert!(child.try_wait().unwrap().is_none(), "the terminal took it along");
            signal(&child, "-TERM");
        }
        assert_gone(&mut child, folder.path());
    }
}
