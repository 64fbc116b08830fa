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
use linli_domain::{calendar::Calendar, facility::FeeKind};
use uuid::Uuid;

use crate::{
    answer::{Answer, Ask, Reading, Understood},
    catalogue::{Change, FeedCursor, PersistError, Slot, Snapshot, Then},
    document::FacilityDocument,
    index::{Stamp, TextIndex},
    nearby::nearby,
    rank::{TextHit, Weights, ranked},
    recent::Recent,
    source::{Meeting, Met, TextSource, Wanted},
    suggest::{Suggestion, SuggestionKind, Wordlist},
    text::{Analyzer, Query, Step, Wish, fold},
    tokens::Tokenizer,
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
    /// What was found for words that many people say.
    recent: Recent,
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
        let mut tokenizer = Tokenizer::new(&analyzer);
        for document in documents {
            if let Some(slot) = snapshot.put(&document) {
                index.add(&mut tokenizer, slot, &document)?;
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
            recent: Recent::default(),
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
        self.analyzer.warm();
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
            // Should this fail, the index has forgotten it, and the caller tries again.
            self.index.put(&self.analyzer, changes.iter().filter_map(|change| indexed(&next, change)))?;
            self.index.commit()?;
            self.recent.forget();
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

    /// What a question asks for, as it was said.
    pub fn understand(&self, question: &str) -> Query {
        self.analyzer.query(question)
    }

    /// What is meant, looked up in the embedded index; the answer says how the question was read.
    pub fn search(&self, question: &str, ask: &Ask) -> Result<Answer, EngineError> {
        let (query, hits) = self.read(question, ask)?;
        Ok(self.answer(&self.snapshot(), &query, ask, &hits))
    }

    /// What is meant, looked up in `source`. Which reading of the question finds anything, and how
    /// many of what there are, is known here, by the same tokens.
    pub async fn search_in<S: TextSource>(
        &self,
        source: &S,
        question: &str,
        ask: &Ask,
    ) -> Result<Answer, S::Error>
    where
        S::Error: From<EngineError>,
    {
        let (query, all) = self.read(question, ask)?;
        let snapshot = self.snapshot();
        if all.is_empty() || query.units.is_empty() {
            return Ok(self.answer(&snapshot, &query, ask, &all));
        }
        let wished = wishing(ask, &query.wishes);
        let meeting = if query.all_but_one { Meeting::AllButOne } else { Meeting::All };
        let wanted =
            Wanted { snapshot: &snapshot, query: &query, meeting, ask: wished.as_ref().unwrap_or(ask) };
        let Met { hits, whole } = source.find(&wanted).await?;
        let rest: &[TextHit] = if whole && !hits.is_empty() { &[] } else { &all };
        let hits = joined(hits, rest);
        Ok(self.answer(&snapshot, &query, ask, &hits))
    }

    /// The first reading of a question that finds anything, with what it finds; a later page has the
    /// reading of its first page. When none does, the question as it was said, and nothing.
    fn read(&self, question: &str, ask: &Ask) -> Result<(Query, Arc<[TextHit]>), EngineError> {
        let only = ask.reading.map(|reading| reading.step);
        for step in Step::ALL.into_iter().filter(|step| only.is_none_or(|only| only == *step)) {
            let Some(query) = self.analyzer.reading(question, step) else { continue };
            let hits = self.recent.or_find(&query, || self.index.meeting(&query))?;
            if !hits.is_empty() {
                return Ok((query, hits));
            }
        }
        Ok((self.analyzer.query(question), Arc::default()))
    }

    /// The answer from what some text index found for a reading, ascending by slot.
    ///
    /// Wishes are filters as long as anything is left; when nothing is, they are let go, and the answer says so.
    fn answer(&self, snapshot: &Arc<Snapshot>, query: &Query, ask: &Ask, hits: &[TextHit]) -> Answer {
        let without_wishes = ask.reading.is_some_and(|reading| reading.without_wishes);
        let wished = if without_wishes { None } else { wishing(ask, &query.wishes) };
        let answer = ranked(snapshot, wished.as_ref().unwrap_or(ask), hits);
        let (answer, without_wishes) = match wished {
            Some(_) if answer.hits.is_empty() && ask.after.is_none() => {
                let plain = ranked(snapshot, ask, hits);
                // With nothing either way, the wishes were not the reason.
                if plain.hits.is_empty() { (answer, false) } else { (plain, true) }
            }
            _ => (answer, without_wishes),
        };
        let understood = Understood::of(query, without_wishes);
        Answer {
            relaxed: query.all_but_one
                || !(understood.let_go.is_empty() && understood.wishes_let_go.is_empty()),
            reading: Reading { step: query.step, without_wishes },
            understood: Some(understood),
            ..answer
        }
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
            hits.extend(self.index.meeting(&query)?);
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

/// What a source found, and the rest that our own tokens find, ascending by slot; of two relevances
/// the better counts.
fn joined(found: Vec<TextHit>, rest: &[TextHit]) -> Vec<TextHit> {
    if rest.is_empty() {
        return found;
    }
    let mut hits = Vec::with_capacity(found.len() + rest.len());
    let mut rest = rest.iter().copied().peekable();
    for hit in found {
        hits.extend(std::iter::from_fn(|| rest.next_if(|other| other.slot < hit.slot)));
        let same = rest.next_if(|other| other.slot == hit.slot);
        hits.push(same.filter(|same| same.relevance > hit.relevance).unwrap_or(hit));
    }
    hits.extend(rest);
    hits
}

/// The question with what was wished beside it; `None` if nothing was.
fn wishing(ask: &Ask, wishes: &[Wish]) -> Option<Ask> {
    let mut wished = ask.clone();
    for wish in wishes {
        match wish {
            Wish::OpenNow => wished.filter.open = true,
            Wish::OpenWeekend => wished.then = Some(Then::Weekend),
            Wish::OpenEvening => wished.then = Some(Then::Evening),
            Wish::OpenAllNight => wished.then = Some(Then::AllNight),
            // Who chose a fee said so more plainly.
            Wish::Free if !ask.filter.fee_kinds.is_empty() => {}
            Wish::Free => wished.filter.fee_kinds.insert(FeeKind::Free),
            Wish::Nearest => wished.weights = Weights::NEAREST,
        }
    }
    (!wishes.is_empty()).then_some(wished)
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
