//! The OpenAPI documents, held against our own conventions; and the pages that show them.

use std::collections::HashSet;

use linli::http::body::BodySchema;
use linli_domain::Code;
use serde_json::{Map, Value};

use crate::rig::{Rig, send};

/// `(document, method, path, operation)` of every operation.
fn operations() -> Vec<(&'static str, String, String, Value)> {
    let mut all = Vec::new();
    for (name, text) in linli::http::documents() {
        let document: Value = serde_json::from_str(&text).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                all.push((name, method.clone(), path.clone(), operation.clone()));
            }
        }
    }
    all
}

#[test]
fn every_operation_has_a_name_a_section_a_sentence_and_a_problem() {
    let mut seen = HashSet::new();
    for (document, method, path, operation) in operations() {
        let at = format!("{document} {method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no operationId"));
        assert!(seen.insert(id.to_owned()), "{id} names two operations");
        let mut letters = id.chars();
        assert!(letters.next().is_some_and(|c| c.is_ascii_lowercase()), "{id} is not camelCase");
        assert!(letters.all(|c| c.is_ascii_alphanumeric()), "{id} is not camelCase");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{at} has no tag");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{at} says nothing");
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert!(problem.is_object(), "{at} documents no problem");
    }
}

#[test]
fn fields_are_snake_case_and_never_null() {
    for (name, text) in linli::http::documents() {
        let document: Value = serde_json::from_str(&text).unwrap();
        let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
        for (schema, definition) in &schemas {
            let fields = definition["properties"].as_object().cloned().unwrap_or_default();
            for (field, definition) in fields {
                let at = format!("{name}: {schema}.{field}");
                let plain = field.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                assert!(plain, "{at} is not snake_case");
                assert_ne!(definition["nullable"], true, "{at} may be null; leave it out instead");
                assert_ne!(definition["format"], "uint64", "{at} is more than JavaScript can count");
            }
        }
    }
}

/// What anybody may ask without a token. Another operation that forgets to ask for one fails here.
const PUBLIC: &[&str] = &[
    "listFacilitiesNearby",
    "searchFacilities",
    "suggestFacilities",
    "getHome",
    "listFacilityRooms",
    "listRoomSlots",
    "getRoomTimetable",
    // A calendar program has no token; the address holds a secret of its own.
    "readCalendarFeed",
    "getFacility",
    "listFacilityChanges",
    "getFacilityPhoto",
    "listCategories",
    "listVocabularies",
    "getCalendarYear",
    "refreshTokens",
    "staffSignIn",
    "staffRefreshTokens",
];

#[test]
fn every_operation_asks_for_a_token_or_is_public_on_purpose() {
    for (document, _, _, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        let asks = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert_ne!(asks, PUBLIC.contains(&id), "{document}: {id}");
        if document.starts_with("staff") {
            assert_eq!(asks, crate::people::right_of(id).is_some(), "{id} and the table of rights");
        }
    }
    let known: HashSet<String> = operations()
        .iter()
        .map(|(.., operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    assert!(PUBLIC.iter().all(|id| known.contains(*id)), "an operation that is gone is still listed");
}

/// Whoever generates a client from both documents gets each shape once.
#[test]
fn a_name_means_one_shape_in_every_document() {
    let mut shapes: std::collections::HashMap<String, (&str, Value)> = std::collections::HashMap::new();
    for (name, text) in linli::http::documents() {
        let document: Value = serde_json::from_str(&text).unwrap();
        for (shape, definition) in document["components"]["schemas"].as_object().unwrap() {
            let (first, known) = shapes.entry(shape.clone()).or_insert((name, definition.clone()));
            assert_eq!(known, definition, "{shape} of {first} and of {name}");
        }
    }
    assert!(shapes.len() > 50);
}

/// Texts that name a code with its status name one that is answered: the table of codes, or the codes
/// of single fields, which come with 422.
#[test]
fn every_code_that_is_documented_exists() {
    const FIELDS: &[&str] = &["control_character"];
    let design = include_str!("../../../API-DESIGN.md").to_owned();
    let mut texts: Vec<(&str, String)> = linli::http::documents();
    texts.push(("API-DESIGN.md", design));
    let mut found = 0;
    for (name, text) in texts {
        for (at, _) in text.match_indices(" `") {
            let status = text[..at].chars().rev().take(3).collect::<Vec<_>>();
            let status: String = status.into_iter().rev().collect();
            let (Ok(status), Some(end)) = (status.parse::<u16>(), text[at + 2..].find('`')) else { continue };
            let code = &text[at + 2..at + 2 + end];
            let known = Code::ALL.iter().any(|known| known.as_str() == code && known.status() == status);
            assert!(known || (status == 422 && FIELDS.contains(&code)), "{name}: {status} {code}");
            found += 1;
        }
    }
    assert!(found >= 5, "the search finds nothing");
}

/// A parser that keeps the last of two equal keys hides that one answer has two meanings.
#[test]
fn no_key_stands_twice_in_a_document() {
    // The look that every JSON body of a client passes.
    let schema = BodySchema::any();
    for (name, text) in linli::http::documents() {
        assert_eq!(schema.refuse_ambiguous(text.as_bytes()), Ok(()), "{name}");
    }
    let twice = schema.refuse_ambiguous(br#"{"a": {"b": 1, "b": 2}}"#);
    assert_eq!(twice.unwrap_err().code, Code::MalformedBody, "the check sees nothing");
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    for (name, text) in linli::http::documents() {
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut references = Vec::new();
        walk(&document, &mut references);
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{name}: {reference} leads nowhere");
        }
    }
}

/// The pages must work where the network ends at the town hall's wall.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_is_served_without_loading_anything_from_elsewhere() {
    let rig = Rig::sqlite().await;
    let index = send(rig.get("/docs")).await;
    assert_eq!((index.status, index.header("content-type")), (200, "text/html; charset=utf-8"));
    for page in ["/docs/v1", "/docs/staff"] {
        assert!(index.text.contains(&format!("href=\"{page}\"")), "{page} is not linked");
        let answer = send(rig.get(page)).await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.text.contains("SwaggerUIBundle("), "{page}");
        for tag in ["<script src=", "<link ", "<iframe", "@import"] {
            assert!(!answer.text.contains(tag), "{page} loads something: {tag}");
        }
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{page}");
    }
    for (name, file) in [("v1.json", "/docs/v1.json"), ("staff-v1.json", "/docs/staff-v1.json")] {
        let served: Map<String, Value> = serde_json::from_str(&send(rig.get(file)).await.text).unwrap();
        assert!(served["paths"].as_object().is_some_and(|paths| !paths.is_empty()), "{name}");
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_is_off_where_it_is_not_asked_for() {
    let fresh = crate::database::Fresh::sqlite().await;
    let rig = Rig::start(fresh, |config| config.http.docs = false).await;
    for page in ["/docs", "/docs/v1", "/docs/v1.json"] {
        send(rig.get(page)).await.is_problem(404, "not_found");
    }
    rig.finish().await;
}
