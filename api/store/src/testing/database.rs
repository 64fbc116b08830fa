//! A database of its own for each test, cloned from a template that is migrated once per build.

#![allow(dead_code, reason = "one of the two crates that compile this may not need all of it")]

use std::{env, fs, path::PathBuf, time::SystemTime};

use linli_migrations::{Migrator, MigratorTrait};
use linli_store::{Db, DbOptions, Env};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// A fresh, migrated, empty database.
pub(crate) struct Fresh {
    /// Where it is.
    pub(crate) url: String,
    home: Home,
}

enum Home {
    /// The folder goes when the test ends.
    Sqlite {
        _folder: TempDir,
    },
    Postgres {
        name: String,
    },
}

impl Fresh {
    /// A copy of the SQLite template, in a folder of its own.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("linli.db");
        fs::copy(sqlite_template().await, &file).unwrap();
        Self { url: format!("sqlite:{}", file.display()), home: Home::Sqlite { _folder: folder } }
    }

    /// A clone of the PostgreSQL template.
    pub(crate) async fn postgres() -> Self {
        let admin = admin().await;
        let template = postgres_template(&admin).await;
        let name = format!("linli_test_{}", Env::system().id::<Uuid>().simple());
        run(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        admin.close().await.unwrap();
        Self { url: on_server(&name), home: Home::Postgres { name } }
    }

    /// An SQLite database without a schema.
    pub(crate) fn bare_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("linli.db");
        Self { url: format!("sqlite:{}", file.display()), home: Home::Sqlite { _folder: folder } }
    }

    /// A PostgreSQL database without a schema.
    pub(crate) async fn bare_postgres() -> Self {
        let admin = admin().await;
        let name = format!("linli_test_{}", Env::system().id::<Uuid>().simple());
        run(&admin, &format!("CREATE DATABASE {name}")).await;
        admin.close().await.unwrap();
        Self { url: on_server(&name), home: Home::Postgres { name } }
    }

    /// Connects to it.
    pub(crate) async fn connect(&self) -> Db {
        connect(&self.url).await
    }

    /// Removes it, whoever is still connected. A test that fails leaves its PostgreSQL database
    /// behind, to be looked at; it goes with the private server.
    pub(crate) async fn remove(self) {
        if let Home::Postgres { name } = &self.home {
            let admin = admin().await;
            run(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            admin.close().await.unwrap();
        }
    }
}

async fn connect(url: &str) -> Db {
    Db::connect(&DbOptions::new(url)).await.unwrap()
}

/// The template lies beside the test binary and is made anew when that is newer.
async fn sqlite_template() -> PathBuf {
    let template = env::current_exe().unwrap().with_extension("template.db");
    if modified(&template).is_some_and(|made| made > built()) {
        return template;
    }
    // Tests are processes of their own: each may make it, and the last rename wins with an equal file.
    let folder = tempfile::tempdir_in(template.parent().unwrap()).unwrap();
    let draft = folder.path().join("template.db");
    let db = connect(&format!("sqlite:{}", draft.display())).await;
    Migrator::up(db.any_write(), None).await.unwrap();
    // Closing the last connection moves the write-ahead log into the file.
    db.close().await.unwrap();
    fs::rename(&draft, &template).unwrap();
    template
}

/// The template is named after the build of the test binary, and renamed when it is whole.
async fn postgres_template(admin: &DatabaseConnection) -> String {
    let built = built().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let template = format!("linli_template_{built:x}");
    let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{template}'");
    run(admin, "SELECT pg_advisory_lock(20261122)").await;
    if admin.query_one_raw(statement(&exists)).await.unwrap().is_none() {
        let draft = format!("{template}_draft");
        run(admin, &format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        run(admin, &format!("CREATE DATABASE {draft}")).await;
        let db = connect(&on_server(&draft)).await;
        Migrator::up(db.any_write(), None).await.unwrap();
        db.close().await.unwrap();
        run(admin, &format!("ALTER DATABASE {draft} RENAME TO {template}")).await;
    }
    run(admin, "SELECT pg_advisory_unlock(20261122)").await;
    template
}

/// One connection: an advisory lock belongs to it.
async fn admin() -> DatabaseConnection {
    let mut options = ConnectOptions::new(server());
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.expect("the PostgreSQL of LINLI_TEST_PG answers")
}

fn server() -> String {
    env::var("LINLI_TEST_PG").expect(
        "LINLI_TEST_PG names no PostgreSQL: run the tests with `.ci/with-services cargo nextest run …`",
    )
}

fn on_server(database: &str) -> String {
    let (server, _) = server().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    format!("{server}/{database}")
}

async fn run(conn: &DatabaseConnection, sql: &str) {
    conn.execute_raw(statement(sql)).await.unwrap();
}

fn statement(sql: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql)
}

fn built() -> SystemTime {
    modified(&env::current_exe().unwrap()).unwrap()
}

fn modified(file: &std::path::Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
