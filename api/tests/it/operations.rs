//! The OpenAPI documents, held against our own conventions; and the pages that show them.

use std::collections::HashSet;

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

/// A parser that keeps the last of two equal keys hides that one answer has two meanings.
#[test]
fn no_key_stands_twice_in_a_document() {
    struct Unique;
    impl<'de> serde::de::Visitor<'de> for Unique {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while seq.next_element_seed(Seed)?.is_some() {}
            Ok(())
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut seen = HashSet::new();
            while let Some(key) = map.next_key::<String>()? {
                map.next_value_seed(Seed)?;
                if !seen.insert(key.clone()) {
                    return Err(serde::de::Error::custom(format!("{key} stands twice")));
                }
            }
            Ok(())
        }
    }
    struct Seed;
    impl<'de> serde::de::DeserializeSeed<'de> for Seed {
        type Value = ();
        fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(Unique)
        }
    }
    for (name, text) in linli::http::documents() {
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        serde::de::DeserializeSeed::deserialize(Seed, &mut deserializer)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let twice = r#"{"a": {"b": 1, "b": 2}}"#;
    let mut control = serde_json::Deserializer::from_str(twice);
    assert!(serde::de::DeserializeSeed::deserialize(Seed, &mut control).is_err(), "the check sees nothing");
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
