//! Answers that are replayed: the body as it was stored, whatever shape a later version would give it.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde_json::Value;

/// A stored JSON body that was a `T` when it was made; the document says so.
pub struct StoredJson<T> {
    body: Value,
    was: PhantomData<fn() -> T>,
}

impl<T> StoredJson<T> {
    /// Wraps a stored body.
    pub const fn new(body: Value) -> Self {
        Self { body, was: PhantomData }
    }
}

impl<T: Type> Payload for StoredJson<T> {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for StoredJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/json; charset=utf-8").body(self.body.to_string())
    }
}
