//! The embedded text index: tantivy fed with our own tokens.
//!
//! Nothing is stored in it but slots of the catalogue. Relevance is not a
//! statistic of the corpus but the best field in which each wish of the question
//! was met, so it can be told to the person and any other engine can agree.
//!
//! Invariant: a commit carries the [`Stamp`] of the catalogue it belongs to; an
//! index under another stamp is thrown away, never searched.

mod fields;
mod question;

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tantivy::{
    DocId, Index, IndexReader, IndexWriter, ReloadPolicy, Score, SegmentOrdinal, SegmentReader,
    collector::{Collector, SegmentCollector},
    columnar::Column,
    directory::MmapDirectory,
    query::Query as TantivyQuery,
};
use uuid::Uuid;

use crate::{
    catalogue::Slot,
    document::FacilityDocument,
    engine::EngineError,
    rank::TextHit,
    source::{Met, TextSource, Wanted},
    text::{Analyzer, Query},
    tokens::Tokenizer,
};
use fields::Fields;

/// Form of the index. Raise it when fields or tokens change their meaning.
const FORM: u32 = 3;

/// The most that words are worth, hints included: less than a name that is just what was said.
const MOST_MET: f32 = 1.4;

/// Memory for documents that are not yet committed; one thread writes.
const WRITER_BYTES: usize = 48_000_000;

/// What an index belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    form: u32,
    generation: Uuid,
    lexicon: u32,
}

impl Stamp {
    pub(crate) fn new(generation: Uuid, analyzer: &Analyzer) -> Self {
        Self { form: FORM, generation, lexicon: analyzer.lexicon().checksum() }
    }
}

/// An index over the catalogue's names, offers and places.
pub(crate) struct TextIndex {
    fields: Fields,
    reader: IndexReader,
    index: Index,
    /// None after a failure, until somebody writes again.
    writer: Mutex<Option<IndexWriter>>,
    stamp: Stamp,
}

impl TextIndex {
    /// An empty index in memory.
    pub(crate) fn in_memory(stamp: Stamp) -> tantivy::Result<Self> {
        Self::over(Index::create_in_ram(Fields::schema()), stamp)
    }

    /// An empty index in a folder; what was there is removed.
    pub(crate) fn create(folder: &Path, stamp: Stamp) -> tantivy::Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        Self::over(Index::create_in_dir(folder, Fields::schema())?, stamp)
    }

    /// The index in a folder, if there is one and it carries the stamp.
    pub(crate) fn open(folder: &Path, stamp: Stamp) -> tantivy::Result<Option<Self>> {
        if !folder.exists() || !Index::exists(&MmapDirectory::open(folder)?)? {
            return Ok(None);
        }
        let index = Index::open_in_dir(folder)?;
        let payload = index.load_metas()?.payload.unwrap_or_default();
        let same_form = index.schema() == Fields::schema();
        if !same_form || serde_json::from_str::<Stamp>(&payload).ok().as_ref() != Some(&stamp) {
            return Ok(None);
        }
        Self::over(index, stamp).map(Some)
    }

    fn over(index: Index, stamp: Stamp) -> tantivy::Result<Self> {
        Ok(Self {
            fields: Fields::of(&index.schema())?,
            writer: Mutex::new(Some(writer(&index)?)),
            reader: index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?,
            index,
            stamp,
        })
    }

    /// Adds what is in a slot that this index has never held; visible after [`Self::commit`].
    pub(crate) fn add(
        &self,
        tokenizer: &mut Tokenizer<'_>,
        slot: Slot,
        document: &FacilityDocument,
    ) -> tantivy::Result<()> {
        let document = self.fields.document(slot, &tokenizer.document(document));
        self.write(|writer| writer.add_document(document).map(drop))
    }

    /// Replaces, adds (`Some`) or removes (`None`) what is in each slot; visible after [`Self::commit`].
    pub(crate) fn put<'a>(
        &self,
        analyzer: &Analyzer,
        changes: impl IntoIterator<Item = (Slot, Option<&'a FacilityDocument>)>,
    ) -> tantivy::Result<()> {
        let mut tokenizer = Tokenizer::new(analyzer);
        self.write(|writer| {
            for (slot, document) in changes {
                writer.delete_term(self.fields.slot_term(slot));
                if let Some(document) = document {
                    writer.add_document(self.fields.document(slot, &tokenizer.document(document)))?;
                }
            }
            Ok(())
        })
    }

    /// Makes everything put before visible to searches that begin now.
    pub(crate) fn commit(&self) -> tantivy::Result<()> {
        self.write(|writer| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&serde_json::to_string(&self.stamp).expect("a stamp is plain data"));
            commit.commit().map(drop)
        })?;
        self.reader.reload()
    }

    /// Everything that meets the question, by slot.
    pub(crate) fn meeting(&self, query: &Query) -> tantivy::Result<Vec<TextHit>> {
        let mut hits = self.collect(question::meeting(&self.fields, query).as_ref(), query.units.len())?;
        hits.sort_unstable_by_key(|hit| hit.slot);
        Ok(hits)
    }

    /// Everything whose name begins as typed, in characters or pinyin.
    pub(crate) fn names_beginning(&self, folded: &str) -> tantivy::Result<Vec<TextHit>> {
        self.collect(question::name_prefix(&self.fields, folded).as_ref(), 1)
    }

    /// Names of divisions that begin as typed, with the number of facilities there.
    pub(crate) fn divisions_beginning(
        &self,
        folded: &str,
        limit: usize,
    ) -> tantivy::Result<Vec<(String, u32)>> {
        question::terms_beginning(&self.reader.searcher(), self.fields.division, folded, limit)
    }

    fn collect(&self, query: &dyn TantivyQuery, units: usize) -> tantivy::Result<Vec<TextHit>> {
        self.reader
            .searcher()
            .search(query, &Slots { units: u16::try_from(units.max(1)).unwrap_or(u16::MAX) })
    }

    /// After a failure (a full disk) a writer takes nothing more, and not even rolling it back is sure to
    /// work: it is let go with what was put since the last commit, and the next begins with a new one.
    fn write<T>(&self, work: impl FnOnce(&mut IndexWriter) -> tantivy::Result<T>) -> tantivy::Result<T> {
        let mut kept = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match kept.take() {
            Some(open) => open,
            None => writer(&self.index)?,
        };
        let done = work(&mut open)?;
        *kept = Some(open);
        Ok(done)
    }
}

fn writer(index: &Index) -> tantivy::Result<IndexWriter> {
    index.writer_with_num_threads(1, WRITER_BYTES)
}

impl TextSource for TextIndex {
    type Error = EngineError;

    /// Everything in the city that meets the question: it is here, and costs microseconds.
    async fn find(&self, wanted: &Wanted<'_>) -> Result<Met, EngineError> {
        Ok(Met { hits: self.meeting(wanted.query)?, whole: true })
    }
}

/// Collects the slot and the relevance of every document found.
struct Slots {
    units: u16,
}

struct SegmentSlots {
    slots: Column<u64>,
    units: f32,
    hits: Vec<TextHit>,
}

impl Collector for Slots {
    type Fruit = Vec<TextHit>;
    type Child = SegmentSlots;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentSlots> {
        let slots = segment.fast_fields().u64(fields::SLOT)?;
        Ok(SegmentSlots { slots, units: f32::from(self.units), hits: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Vec<TextHit>>) -> tantivy::Result<Vec<TextHit>> {
        Ok(segments.concat())
    }
}

impl SegmentCollector for SegmentSlots {
    type Fruit = Vec<TextHit>;

    fn collect(&mut self, doc: DocId, score: Score) {
        if let Some(slot) = self.slots.first(doc).and_then(|slot| Slot::try_from(slot).ok()) {
            // The weights of the fields add up over the wishes; an exact name comes on top.
            let (exact, met) =
                if score >= question::EXACT { (1.0, score - question::EXACT) } else { (0.0, score) };
            // However many hints are met, they never make a name of it.
            let met = (met / self.units).min(MOST_MET);
            self.hits.push(TextHit { slot, relevance: exact + met });
        }
    }

    fn harvest(self) -> Vec<TextHit> {
        self.hits
    }
}
