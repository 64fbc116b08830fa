//! The HTTP that the Meilisearch library speaks through: bounded in time and size, never repeated.

use async_trait::async_trait;
use futures_util::io::{AsyncRead, AsyncReadExt};
use meilisearch_sdk::{
    errors::{Error, MeilisearchCommunicationError, MeilisearchError},
    request::{HttpClient, Method},
};
use serde::{Serialize, de::DeserializeOwned};

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Our client, with the key of a node.
#[derive(Clone)]
pub struct MeiliHttp {
    pub(super) http: reqwest::Client,
    pub(super) key: String,
}

impl MeiliHttp {
    async fn send<Query: Serialize, Output: DeserializeOwned>(
        &self,
        url: &str,
        method: &Method<Query, Vec<u8>>,
        content_type: &str,
        expected_status: u16,
    ) -> Result<Output, Error> {
        let request = match method {
            Method::Get { .. } => self.http.get(url),
            Method::Post { .. } => self.http.post(url),
            Method::Patch { .. } => self.http.patch(url),
            Method::Put { .. } => self.http.put(url),
            Method::Delete { .. } => self.http.delete(url),
        };
        let mut request = request.query(method.query());
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        if let Some(body) = method.body() {
            request = request.header(reqwest::header::CONTENT_TYPE, content_type).body(body.clone());
        }
        let mut response = request.send().await.map_err(away)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Error::Other("the answer is too large".into()));
            }
            body.extend_from_slice(&chunk);
        }
        if status == expected_status {
            return serde_json::from_slice(&body).map_err(Error::ParseError);
        }
        // What it says may repeat a value; only its code is of use.
        Err(serde_json::from_slice::<MeilisearchError>(&body).map_or_else(
            |_| {
                let (message, url) = (None, String::new());
                Error::MeilisearchCommunication(MeilisearchCommunicationError {
                    status_code: status,
                    message,
                    url,
                })
            },
            Error::Meilisearch,
        ))
    }
}

fn away(error: reqwest::Error) -> Error {
    Error::Other(error.without_url().into())
}

#[async_trait]
impl HttpClient for MeiliHttp {
    async fn request<Query, Body, Output>(
        &self,
        url: &str,
        method: Method<Query, Body>,
        expected_status_code: u16,
    ) -> Result<Output, Error>
    where
        Query: Serialize + Send + Sync,
        Body: Serialize + Send + Sync,
        Output: DeserializeOwned + 'static + Send,
    {
        let body = method.body().map(serde_json::to_vec).transpose().map_err(Error::ParseError)?;
        let method = method.map_body(|_| body.clone().unwrap_or_default());
        self.send(url, &method, "application/json", expected_status_code).await
    }

    async fn stream_request<
        Query: Serialize + Send + Sync,
        Body: AsyncRead + Send + Sync + 'static,
        Output: DeserializeOwned + 'static,
    >(
        &self,
        url: &str,
        method: Method<Query, Body>,
        content_type: &str,
        expected_status_code: u16,
    ) -> Result<Output, Error> {
        let (method, body) = match method {
            Method::Get { query } => (Method::Get { query }, None),
            Method::Delete { query } => (Method::Delete { query }, None),
            Method::Post { query, body } => (Method::Post { query, body: Vec::<u8>::new() }, Some(body)),
            Method::Patch { query, body } => (Method::Patch { query, body: Vec::<u8>::new() }, Some(body)),
            Method::Put { query, body } => (Method::Put { query, body: Vec::<u8>::new() }, Some(body)),
        };
        let mut bytes = Vec::new();
        if let Some(body) = body {
            let mut body = Box::pin(body);
            body.read_to_end(&mut bytes).await.map_err(|error| Error::Other(error.into()))?;
        }
        let method = method.map_body(|_| bytes.clone());
        self.send(url, &method, content_type, expected_status_code).await
    }
}
