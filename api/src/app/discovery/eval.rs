//! Judging both engines by questions, over the city of the tables or over a made one.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use linli_domain::{calendar::Calendar, time::local_date};
use linli_search::{
    FacilityDocument, SearchEngine,
    catalogue::FeedCursor,
    eval::{Court, Judged, Question},
    meili::{self, MeiliDocument},
};
use linli_store::{Env, Error};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    catalogue::{self, analyzer},
    document::made,
};
use crate::{
    App,
    clients::meili::{Meili, NodeError},
};

/// Documents written at once.
const PAGE: usize = 1_000;

/// A city to be asked about.
pub struct City {
    engine: SearchEngine,
    documents: Vec<FacilityDocument>,
    now: DateTime<Utc>,
}

impl City {
    /// The city of the tables.
    pub async fn of_tables(app: &App) -> Result<Self, Error> {
        let (documents, calendar) = catalogue::documents(app).await?;
        Self::build(documents, calendar, app.env.now()).await
    }

    /// The city that `linli demo` makes of this size and seed, as it is at `now`.
    pub async fn made(size: usize, seed: u64, now: DateTime<Utc>) -> Result<Self, Error> {
        Self::build(made(size, seed, local_date(now)), Calendar::shipped(), now).await
    }

    async fn build(
        documents: Vec<FacilityDocument>,
        calendar: Calendar,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::internal("building a catalogue to ask", error)
        };
        let building = spawn_blocking(move || {
            let (calendar, all) = (Arc::new(calendar), documents.iter().cloned());
            let cursor = FeedCursor::default();
            let engine = SearchEngine::build(analyzer(), calendar, Uuid::nil(), cursor, all, None)?;
            Ok::<_, linli_search::EngineError>((engine, documents))
        });
        let built = building.await.map_err(|error| failed(error.into()))?;
        let (engine, documents) = built.map_err(|error| failed(error.into()))?;
        Ok(Self { engine, documents, now })
    }

    /// How many facilities can be found.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is nothing to be found.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Asks the embedded index.
    pub fn embedded(&self, questions: &[Question]) -> Result<Vec<Judged>, Error> {
        let court = Court::new(&self.engine, &self.documents, self.now);
        court.embedded(questions).map_err(|error| Error::internal("asking the embedded index", error))
    }

    /// Asks Meilisearch: an index of its own on the first node, which is removed afterwards.
    pub async fn through(
        &self,
        meili: &Meili,
        env: &Env,
        questions: &[Question],
    ) -> Result<Vec<Judged>, Error> {
        let failed = |error: NodeError| Error::internal("filling an index to ask", error);
        let uid = format!("eval_{}", env.id::<Uuid>().simple());
        let Some(node) = meili.nodes.first() else {
            return Err(Error::internal("asking Meilisearch", "no node is configured"));
        };
        let filled = async {
            node.create(&uid, &meili::settings(analyzer().lexicon())).await?;
            for page in self.documents.chunks(PAGE) {
                let page: Vec<_> = page.iter().map(|one| MeiliDocument::new(&analyzer(), one)).collect();
                node.write(&uid, &page, &[]).await?;
            }
            Ok(())
        };
        let outcome = match filled.await {
            Ok(()) => {
                node.read_from(Some(uid.clone()));
                let court = Court::new(&self.engine, &self.documents, self.now);
                let judged = court.through(meili, questions).await;
                judged.map_err(|error| Error::internal("asking Meilisearch", error))
            }
            Err(error) => Err(failed(error)),
        };
        node.read_from(None);
        node.remove_others(&uid, "").await.map_err(failed)?;
        outcome
    }
}
