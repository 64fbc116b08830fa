//! What the OpenAPI documents say of a request before any handler sees it.
//!
//! Read once at start: which operation a method and path are, which query parameters it knows, and
//! what its body looks like.
//! Logs, metrics and limits name the operation, never the path a caller sent.

use std::{collections::HashMap, sync::Arc};

use poem::http::Method;
use serde_json::Value;

use super::{
    body::BodySchema,
    parameters::{self, Parameter},
};

/// Whom an operation is for; limits differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Residents and the public.
    Resident,
    /// Staff.
    Staff,
}

/// One operation of a document.
#[derive(Debug)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// Whom it is for.
    pub audience: Audience,
    /// Query parameters it knows.
    pub parameters: HashMap<String, Parameter>,
    /// The schema of its JSON body.
    pub body: Option<BodySchema>,
    /// Whether it opens or renews a sign-in: the token that came along may well have expired.
    pub signs_in: bool,
    /// Whether it takes an upload rather than a small JSON body.
    pub upload: bool,
}

/// Every operation by path and method.
#[derive(Default)]
pub struct Operations(matchit::Router<HashMap<Method, Operation>>);

impl Operations {
    /// Reads the documents, each with the prefix it is served under.
    ///
    /// # Panics
    /// When a document we made ourselves is not what we make.
    pub fn read(documents: &[(&str, Audience, &str)]) -> Self {
        let mut router = matchit::Router::new();
        for (prefix, audience, text) in documents {
            let document: Value = serde_json::from_str(text).expect("our own document is JSON");
            let schemas = Arc::new(document["components"]["schemas"].clone());
            let paths = document["paths"].as_object().cloned().unwrap_or_default();
            for (path, methods) in paths {
                let operations = methods
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(method, operation)| {
                        let method = method.to_uppercase().parse().ok()?;
                        Some((method, read_operation(*audience, operation, &schemas)))
                    })
                    .collect();
                router.insert(format!("{prefix}{path}"), operations).expect("our own paths do not collide");
            }
        }
        Self(router)
    }

    /// The methods of a path, as `Allow` names them; `None` when the path is none of ours.
    pub fn allowed(&self, path: &str) -> Option<String> {
        let mut methods: Vec<_> = self.0.at(path).ok()?.value.keys().map(Method::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        Some(methods.join(", "))
    }

    /// The operation of a request, if there is one.
    pub fn find(&self, method: &Method, path: &str) -> Option<&Operation> {
        self.0.at(path).ok()?.value.get(method)
    }
}

fn read_operation(audience: Audience, operation: &Value, schemas: &Arc<Value>) -> Operation {
    let is_auth = operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "Auth"));
    let content = operation["requestBody"]["content"].as_object();
    Operation {
        id: operation["operationId"].as_str().unwrap_or("unnamed").to_owned(),
        audience,
        parameters: parameters::read(operation),
        body: BodySchema::read(operation, schemas),
        signs_in: is_auth && operation.get("security").is_none(),
        upload: content
            .is_some_and(|content| content.keys().any(|kind| !kind.starts_with("application/json"))),
    }
}
