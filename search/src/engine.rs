//! The search engine: one surface over the catalogue and the text index.
//!
//! Readers take the current snapshot without a lock. One writer at a time makes
//! the next: the text index is committed before the snapshot is swapped, so a
//! facility that nearby shows is found by its name.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use arc_swap::ArcSwap;
use linli_domain::calendar::Calendar;
use uuid::Uuid;

use crate::{
    answer::{Answer, Ask},
    catalogue::{Change, FeedCursor, PersistError, Slot, Snapshot},
    document::FacilityDocument,
    index::{Stamp, TextIndex},
    nearby::nearby,
    rank::ranked,
    source::{Meeting, TextSource, Wanted, at_once},
    suggest::{Suggestion, SuggestionKind, Wordlist},
    text::{Analyzer, Query, fold},
};

/// Why the engine could not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The text index failed.
    #[error("the text index failed")]
    Index(#[from] tantivy::TantivyError),
    /// The catalogue file failed.
    #[error("the catalogue file failed")]
    Persist(#[from] PersistError),
}

/// Nearby, text and suggestions over one catalogue.
pub struct SearchEngine {
    analyzer: Arc<Analyzer>,
    wordlist: OnceLock<Wordlist>,
    snapshot: ArcSwap<Snapshot>,
    index: TextIndex,
    /// Held while the next snapshot is made.
    writing: Mutex<()>,
    /// Where the catalogue is kept between runs.
    folder: Option<PathBuf>,
}

/// How many suggestions of each kind.
const CATEGORIES: usize = 2;
const SERVICES: usize = 3;
const PLACES: usize = 2;
const SUGGESTIONS: usize = 10;

impl SearchEngine {
    /// Builds an engine from all documents. `generation` must be new. Kept in `folder`, if there is one.
    pub fn build(
        analyzer: Arc<Analyzer>,
        calendar: Arc<Calendar>,
        generation: Uuid,
        cursor: FeedCursor,
        documents: impl IntoIterator<Item = FacilityDocument>,
        folder: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let stamp = Stamp::new(generation, &analyzer);
        let index = match folder {
            Some(folder) => TextIndex::create(&folder.join(TEXT), stamp)?,
            None => TextIndex::in_memory(stamp)?,
        };
        let mut snapshot = Snapshot::empty(generation, calendar);
        for document in documents {
            if let Some(slot) = snapshot.put(&document) {
                index.add(&analyzer, slot, &document)?;
            }
        }
        snapshot.finish(cursor);
        index.commit()?;
        Ok(Self::over(analyzer, snapshot, index, folder))
    }

    /// The engine kept in a folder; `None` if there is none, or it was made by another lexicon or version.
    pub fn load(
        analyzer: Arc<Analyzer>,
        calendar: Arc<Calendar>,
        folder: &Path,
    ) -> Result<Option<Self>, EngineError> {
        let file = folder.join(CATALOGUE);
        if !file.exists() {
            return Ok(None);
        }
        let snapshot = Snapshot::load(&file, calendar)?;
        let stamp = Stamp::new(snapshot.generation(), &analyzer);
        let index = TextIndex::open(&folder.join(TEXT), stamp)?;
        Ok(index.map(|index| Self::over(analyzer, snapshot, index, Some(folder))))
    }

    fn over(analyzer: Arc<Analyzer>, snapshot: Snapshot, index: TextIndex, folder: Option<&Path>) -> Self {
        Self {
            wordlist: OnceLock::new(),
            analyzer,
            snapshot: ArcSwap::from_pointee(snapshot),
            index,
            writing: Mutex::new(()),
            folder: folder.map(Path::to_owned),
        }
    }

    /// Keeps the catalogue as it is now; nothing to do without a folder.
    pub fn save(&self) -> Result<(), EngineError> {
        // The index is committed with every change and so never behind the file.
        match &self.folder {
            Some(folder) => Ok(self.snapshot().save(&folder.join(CATALOGUE))?),
            None => Ok(()),
        }
    }

    /// Loads what the first question would otherwise wait for.
    pub fn warm(&self) {
        self.wordlist();
    }

    fn wordlist(&self) -> &Wordlist {
        self.wordlist.get_or_init(|| Wordlist::new(&self.analyzer))
    }

    /// The current catalogue.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Makes changes, which stand for the outbox up to `cursor`.
    pub fn apply(&self, changes: &[Change], cursor: FeedCursor) -> Result<(), EngineError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.snapshot();
        if changes.is_empty() && cursor == current.cursor() {
            return Ok(());
        }
        let next = current.with(changes, cursor);
        if !changes.is_empty() {
            let changed = changes.iter().filter_map(|change| indexed(&next, change));
            let written = self.index.put(&self.analyzer, changed).and_then(|()| self.index.commit());
            if let Err(error) = written {
                // The caller tries again, from the catalogue as it is.
                self.index.roll_back()?;
                return Err(error.into());
            }
        }
        self.snapshot.store(Arc::new(next));
        Ok(())
    }

    /// Reads hours by another statutory calendar from now on.
    pub fn set_calendar(&self, calendar: Arc<Calendar>) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.snapshot.store(Arc::new(self.snapshot().with_calendar(calendar)));
    }

    /// What is near.
    pub fn nearby(&self, ask: &Ask) -> Answer {
        nearby(&self.snapshot(), ask)
    }

    /// What a question asks for.
    pub fn understand(&self, question: &str) -> Query {
        self.analyzer.query(question)
    }

    /// What is meant, looked up in the embedded index.
    pub fn search(&self, query: &Query, ask: &Ask) -> Result<Answer, EngineError> {
        at_once(self.search_in(&self.index, query, ask))
    }

    /// What is meant, looked up in `source`. When nothing meets every wish, what meets all but one,
    /// and the answer says so.
    pub async fn search_in<S: TextSource>(
        &self,
        source: &S,
        query: &Query,
        ask: &Ask,
    ) -> Result<Answer, S::Error>
    where
        S::Error: From<EngineError>,
    {
        let snapshot = self.snapshot();
        let listed = Ask { facets: ask.facets && S::WHOLE, ..ask.clone() };
        let wanted = |meeting| Wanted { snapshot: &snapshot, query, meeting, ask };
        let met = source.find(&wanted(Meeting::All)).await?;
        let mut meeting = Meeting::All;
        let mut answer = ranked(&snapshot, &listed, &met);
        let nothing = answer.hits.is_empty() && query.units.len() > 1;
        // A later page of a relaxed list finds nothing that meets every wish either, and goes on here.
        let first = Ask { after: None, facets: false, limit: 1, ..ask.clone() };
        if nothing && (ask.after.is_none() || ranked(&snapshot, &first, &met).hits.is_empty()) {
            meeting = Meeting::AllButOne;
            let met = source.find(&wanted(meeting)).await?;
            answer = Answer { relaxed: true, ..ranked(&snapshot, &listed, &met) };
        }
        if ask.facets && !S::WHOLE {
            // Counts need everything that was met, which is here, by the same tokens.
            let all = at_once(self.index.find(&wanted(meeting)))?;
            answer.facets = ranked(&snapshot, ask, &all).facets;
        }
        Ok(answer)
    }

    /// How to go on from what was typed, at most ten, nearest facilities first.
    pub fn suggest(&self, typed: &str, ask: &Ask) -> Result<Vec<Suggestion>, EngineError> {
        let folded: String = fold(typed).split_whitespace().collect();
        if folded.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.wordlist().beginning(&folded, SuggestionKind::Category, CATEGORIES);
        found.extend(self.wordlist().beginning(&folded, SuggestionKind::Service, SERVICES));
        let places = self.index.divisions_beginning(&folded, PLACES)?;
        found.extend(places.into_iter().map(|(name, _)| Suggestion::place(name)));
        let snapshot = self.snapshot();
        let query = self.analyzer.query(typed);
        let mut hits = self.index.names_beginning(&folded)?;
        if !query.units.is_empty() {
            hits.extend(self.index.meeting_all(&query)?);
            // The better of two ways to be found counts.
            hits.sort_by(|a, b| a.slot.cmp(&b.slot).then(b.relevance.total_cmp(&a.relevance)));
            hits.dedup_by_key(|hit| hit.slot);
        }
        let answer = ranked(&snapshot, ask, &hits);
        let cards = answer.hits.iter().filter_map(|hit| snapshot.card(hit.slot));
        found.extend(cards.map(|card| Suggestion::facility(card.id, &card.name)));
        found.truncate(SUGGESTIONS);
        Ok(found)
    }
}

/// Name of the catalogue's file in its folder.
pub const CATALOGUE: &str = "catalogue.jsonl";
const TEXT: &str = "text";

/// What a change means to the index, given the catalogue it made.
fn indexed<'a>(next: &Snapshot, change: &'a Change) -> Option<(Slot, Option<&'a FacilityDocument>)> {
    match change {
        Change::Upsert(document) => {
            let slot = next.slot(document.id)?;
            // What lost against a newer version is not indexed either.
            let shown = next.card(slot)?.version == document.version;
            shown.then_some((slot, Some(&**document)))
        }
        Change::Remove(id) => next.slot_ever(*id).map(|slot| (slot, None)),
    }
}

#[cfg(test)]
mod tests;
