//! Answers whose body is there already: replayed as it was stored, whatever shape a later version would
//! give it, or written once for many.

use std::{marker::PhantomData, sync::Arc};

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

/// The JSON of a `T`, written for everybody who asks at the moment.
pub struct WrittenJson<T> {
    body: Arc<str>,
    of: PhantomData<fn() -> T>,
}

impl<T> WrittenJson<T> {
    /// Wraps what was written.
    pub const fn new(body: Arc<str>) -> Self {
        Self { body, of: PhantomData }
    }
}

impl<T: Type> Payload for WrittenJson<T> {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for WrittenJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/json; charset=utf-8").body(self.body.to_string())
    }
}
