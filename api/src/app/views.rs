//! Views: what this process looked up a moment ago, shared by everybody who asks meanwhile.

use std::{hash::Hash, sync::Arc};

use linli_store::Error;
use moka::future::Cache;

/// What a view has under `key` and still `stands`, or what is looked up now for everybody who waits for it.
///
/// An error is not kept. A refusal is told to all who waited for the same look-up, any other error in full
/// to one of them.
pub async fn seen<K, V, F>(
    view: &Cache<K, V>,
    key: K,
    stands: impl Fn(&V) -> bool,
    look_up: impl Fn() -> F,
) -> Result<V, Error>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Future<Output = Result<V, Error>>,
{
    // In a rush nearly everybody finds it, and the future of a look-up is large.
    if let Some(value) = view.get(&key).await {
        if stands(&value) {
            return Ok(value);
        }
        view.invalidate(&key).await;
    }
    let value = view.try_get_with(key.clone(), Box::pin(look_up())).await.map_err(shared)?;
    if stands(&value) {
        return Ok(value);
    }
    // It was begun by somebody who came before what makes it stale.
    let value = Box::pin(look_up()).await?;
    view.insert(key, value.clone()).await;
    Ok(value)
}

fn shared(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| match shared.refusal() {
        Some(refusal) => refusal.clone().into(),
        None => Error::Unavailable { what: "database", source: None },
    })
}
