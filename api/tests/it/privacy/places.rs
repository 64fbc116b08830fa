//! Everything a running Linli keeps or emits, laid open.

use std::path::Path;

use linli_store::{Db, storage::schema};
use sea_orm::{ConnectionTrait, Statement};

use super::planted::Place;

/// Each column of each table, with all that stands in it; binary columns in hexadecimal.
pub(super) async fn columns(db: &Db, is_postgres: bool) -> Vec<Place> {
    let mut places = Vec::new();
    for schema::Column { table, name, .. } in schema::columns(db.read()).await.unwrap() {
        let text = if is_postgres { format!("\"{name}\"::text") } else { format!("quote(\"{name}\")") };
        let sql = format!("SELECT {text} FROM \"{table}\" WHERE \"{name}\" IS NOT NULL");
        let rows = db.read().query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
        let texts: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        places.push(Place::new(format!("column {table}.{name}"), texts.join("\n")));
    }
    places
}

/// Each file in a folder and below; what is no text stays searchable as far as it is one.
pub(super) fn files(folder: &Path) -> Vec<Place> {
    let mut places = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
            let what = if name.ends_with(".log") { "log" } else { "file" };
            places.push(Place::new(format!("{what} {name}"), String::from_utf8_lossy(&bytes)));
        }
    }
    places
}
