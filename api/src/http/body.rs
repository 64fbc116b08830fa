//! What is wrong with a JSON body, by the names of its fields.
//!
//! Two looks at it. Before the handler, a body is refused that two parsers read differently (one key
//! twice) or that holds characters no text holds. After the handler's parser refused it, the schema
//! of the operation says which fields are meant: the framework's own text quotes the caller's value
//! and seldom names a field. Only names that stand in the document are ever answered.

use std::{cell::RefCell, collections::HashSet, fmt, sync::Arc};

use chrono::{DateTime, NaiveDate};
use linli_domain::{Code, FieldErrors, Refusal};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use uuid::Uuid;

/// Mistakes named at once: a person mends no more in one go.
const MOST: usize = 50;

/// The schema of a body within its document.
#[derive(Debug)]
pub struct BodySchema {
    root: Value,
    schemas: Arc<Value>,
}

impl BodySchema {
    /// Of a body that may be anything.
    pub fn any() -> Self {
        Self { root: Value::Null, schemas: Arc::new(Value::Null) }
    }

    /// The schema of an operation's JSON body, if it takes one.
    pub fn read(operation: &Value, schemas: &Arc<Value>) -> Option<Self> {
        let content = operation["requestBody"]["content"].as_object()?;
        let (_, json) = content.iter().find(|(kind, _)| kind.starts_with("application/json"))?;
        Some(Self { root: json["schema"].clone(), schemas: Arc::clone(schemas) })
    }

    /// Refuses a body with a key twice in one object, or with control characters in a text. What is
    /// no JSON at all is left to the handler's parser.
    pub fn refuse_ambiguous(&self, body: &[u8]) -> Result<(), Refusal> {
        let look = Look::default();
        let read = look.deserialize(&mut serde_json::Deserializer::from_slice(body));
        match (read, look.found.into_inner()) {
            (Err(_), Some(Ambiguity::KeyTwice)) => Err(Refusal::new(Code::MalformedBody)
                .with_detail("同一字段出现了两次", "One object names a field twice.")),
            (Err(_), Some(Ambiguity::ControlCharacter(path))) => Err(Refusal::field(
                self.known(&path).unwrap_or_default(),
                "control_character",
                "含有不可见的控制字符",
                "It contains control characters.",
            )),
            _ => Ok(()),
        }
    }

    /// Which fields do not fit the schema; `None` when this finds none.
    pub fn faults(&self, body: &[u8]) -> Option<Refusal> {
        let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object)?;
        let mut errors = FieldErrors::new();
        self.compare(&self.root, &body, "", &mut errors);
        errors.finish().err().map(|mut refusal| {
            refusal.errors.truncate(MOST);
            refusal
        })
    }

    /// The schema that a reference, alone or with a description beside it, stands for.
    fn resolved<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        loop {
            let reference = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            schema = match (reference, schema["allOf"].get(0)) {
                (Some(name), _) => &self.schemas[name],
                (None, Some(first)) => first,
                (None, None) => return schema,
            };
        }
    }

    fn compare(&self, schema: &Value, value: &Value, at: &str, errors: &mut FieldErrors) {
        let schema = self.resolved(schema);
        let fits = match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(fields)) => return self.fields(schema, fields, at, errors),
            (Some("array"), Value::Array(items)) => return self.items(schema, items, at, errors),
            (Some("string"), Value::String(text)) => return check_text(schema, text, at, errors),
            (Some("integer"), Value::Number(number)) => fits_integer(schema, number),
            (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) => true,
            (Some(_), _) => false,
            (None, _) => true,
        };
        errors.require(fits, at, "invalid", "内容无效", "The value is not valid.");
    }

    fn fields(
        &self,
        schema: &Value,
        fields: &serde_json::Map<String, Value>,
        at: &str,
        errors: &mut FieldErrors,
    ) {
        let Some(known) = schema["properties"].as_object() else { return };
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name))
        };
        for (name, schema) in known {
            let dot = if at.is_empty() { "" } else { "." };
            let at = format!("{at}{dot}{name}");
            match fields.get(name) {
                None | Some(Value::Null) => {
                    errors.require(!required(name), at, "required", "此项必填", "It is required.");
                }
                Some(value) => self.compare(schema, value, &at, errors),
            }
        }
        if fields.keys().any(|name| !known.contains_key(name)) {
            // Its name is the caller's text.
            errors.add(
                at,
                "unknown_field",
                "含有未知的字段",
                "There is a field this operation does not know.",
            );
        }
    }

    fn items(&self, schema: &Value, items: &[Value], at: &str, errors: &mut FieldErrors) {
        let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
        let (min, max) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(usize::MAX));
        if !(min..=max).contains(&items.len()) {
            return errors.add(at, "count", "项数超出范围", "There are too few or too many entries.");
        }
        for (index, item) in items.iter().enumerate() {
            self.compare(&schema["items"], item, &format!("{at}[{index}]"), errors);
        }
    }

    /// The path as answered, when every name in it stands in the schema.
    fn known(&self, path: &[Step]) -> Option<String> {
        let (mut schema, mut text) = (self.resolved(&self.root), String::new());
        for step in path {
            match step {
                Step::Key(name) => {
                    schema = self.resolved(schema["properties"].get(name)?);
                    text.push_str(if text.is_empty() { "" } else { "." });
                    text.push_str(name);
                }
                Step::Index(index) => {
                    schema = self.resolved(&schema["items"]);
                    text.push_str(&format!("[{index}]"));
                }
            }
        }
        Some(text)
    }
}

fn fits_integer(schema: &Value, number: &serde_json::Number) -> bool {
    match schema["format"].as_str() {
        Some("int32") => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Some("uint32") => number.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
        _ => number.is_i64(),
    }
}

fn check_text(schema: &Value, text: &str, at: &str, errors: &mut FieldErrors) {
    let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
    let (min, max) = (bound("minLength").unwrap_or(0), bound("maxLength").unwrap_or(usize::MAX));
    if !(min..=max).contains(&text.chars().count()) {
        return errors.add(at, "length", "长度超出范围", "It is too short or too long.");
    }
    let is_word = schema["enum"].as_array().is_none_or(|words| words.iter().any(|word| word == text));
    let is_formed = match schema["format"].as_str() {
        Some("uuid") => Uuid::parse_str(text).is_ok(),
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        Some("naive-date") => text.parse::<NaiveDate>().is_ok(),
        _ => true,
    };
    errors.require(is_word && is_formed, at, "invalid", "内容无效", "The value is not valid.");
}

/// Characters that no text of ours holds: a database refuses some, and others hide what is written.
pub fn is_forbidden(c: char) -> bool {
    let written_backwards = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || written_backwards
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

#[derive(Debug)]
enum Ambiguity {
    KeyTwice,
    ControlCharacter(Vec<Step>),
}

/// Reads a body without keeping it.
#[derive(Debug, Default)]
struct Look {
    path: RefCell<Vec<Step>>,
    found: RefCell<Option<Ambiguity>>,
}

impl Look {
    fn text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.chars().any(is_forbidden) {
            let path = self.path.borrow().clone();
            *self.found.borrow_mut() = Some(Ambiguity::ControlCharacter(path));
            return Err(E::custom("control character"));
        }
        Ok(())
    }

    fn below<T>(&self, step: Step, read: impl FnOnce() -> T) -> T {
        self.path.borrow_mut().push(step);
        let outcome = read();
        self.path.borrow_mut().pop();
        outcome
    }
}

impl<'de> DeserializeSeed<'de> for &Look {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Look {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0.. {
            if self.below(Step::Index(index), || items.next_element_seed(self))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            self.text(&key)?;
            if !seen.insert(key.clone()) {
                *self.found.borrow_mut() = Some(Ambiguity::KeyTwice);
                return Err(A::Error::custom("a key twice"));
            }
            self.below(Step::Key(key), || fields.next_value_seed(self))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> BodySchema {
        let schemas = json!({
            "Kind": { "type": "string", "enum": ["hours", "price"] },
            "Part": {
                "type": "object",
                "required": ["id"],
                "properties": { "id": { "type": "string", "format": "uuid" } },
            },
        });
        let root = json!({
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": { "allOf": [{ "$ref": "#/components/schemas/Kind" }, { "description": "…" }] },
                "name": { "type": "string", "maxLength": 3 },
                "size": { "type": "integer", "format": "int32" },
                "day": { "type": "string", "format": "naive-date" },
                "parts": { "type": "array", "maxItems": 2, "items": { "$ref": "#/components/schemas/Part" } },
            },
        });
        BodySchema { root, schemas: Arc::new(schemas) }
    }

    fn named(refusal: &Refusal) -> Vec<(&str, &str)> {
        refusal.errors.iter().map(|error| (error.field.as_str(), error.code)).collect()
    }

    #[test]
    fn every_field_that_does_not_fit_is_named_and_no_name_of_the_caller() {
        let faults = |body: Value| schema().faults(body.to_string().as_bytes());
        assert_eq!(
            faults(json!({ "kind": "hours", "name": "三个字", "size": 7, "day": "2026-02-14" })),
            None
        );
        let body = json!({
            "kind": "13800138000", "name": "四个字了", "size": 3_000_000_000_u64, "day": "2026-02-30",
            "parts": [{ "id": "x" }, { "13800138000": 1 }],
        });
        let refusal = faults(body).unwrap();
        let expected = [
            ("kind", "invalid"),
            ("name", "length"),
            ("size", "invalid"),
            ("day", "invalid"),
            ("parts[0].id", "invalid"),
            ("parts[1].id", "required"),
            ("parts[1]", "unknown_field"),
        ];
        assert_eq!(named(&refusal), expected);
        assert!(!format!("{refusal:?}").contains("13800138000"));
        let refusal = faults(json!({ "parts": [{}, {}, {}] })).unwrap();
        assert_eq!(named(&refusal), [("kind", "required"), ("parts", "count")]);
        assert_eq!(faults(json!([])), None, "what is no object is malformed, not invalid");
    }

    #[test]
    fn a_key_twice_and_a_control_character_are_refused() {
        let refused = |body: &str| schema().refuse_ambiguous(body.as_bytes()).err();
        assert_eq!(refused(r#"{"name":"a\nb\tc","parts":[{"id":"x"},{"id":"y"}],"size":1.5e3}"#), None);
        assert_eq!(refused("{"), None, "the handler's parser says so");
        assert_eq!(refused(r#"{"size":1,"size":2}"#).unwrap().code, Code::MalformedBody);
        assert_eq!(refused(r#"{"parts":[{"id":1,"\u0069d":2}]}"#).unwrap().code, Code::MalformedBody);
        let refusal = refused(r#"{"parts":[{"id":"x"},{"id":"a\u0000"}]}"#).unwrap();
        assert_eq!(named(&refusal), [("parts[1].id", "control_character")]);
        for hidden in [r#"{"13800138000":"\u0000"}"#, r#"{"name\u0000":""}"#, r#"{"13800138000":["\u202e"]}"#]
        {
            assert_eq!(named(&refused(hidden).unwrap()), [("", "control_character")], "{hidden}");
        }
    }
}
