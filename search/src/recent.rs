//! What was found lately: a city asks for 食堂 all day long.
//!
//! Only what the text index found is kept, never an answer: distance, hours and
//! filters are judged anew each time. Everything is forgotten with every change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    rank::TextHit,
    text::{Query, Unit},
};

/// At most so many questions are kept; one that finds 20,000 facilities takes 160 kB.
const QUESTIONS: usize = 64;
/// What finds less is found again as quickly.
const MIN_HITS: usize = 500;

/// What a text index is asked, of all that a question says.
type Key = (String, Vec<Unit>, Vec<Unit>, bool);

#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Grows with every change, so that nothing found before one is kept after it.
    epoch: u64,
    hits: HashMap<Key, Arc<[TextHit]>>,
}

impl Recent {
    /// What was found for this reading, or is found now.
    pub(crate) fn or_find<E>(
        &self,
        query: &Query,
        find: impl FnOnce() -> Result<Vec<TextHit>, E>,
    ) -> Result<Arc<[TextHit]>, E> {
        let key = (query.folded.clone(), query.units.clone(), query.hints.clone(), query.all_but_one);
        let epoch = {
            let kept = self.lock();
            if let Some(hits) = kept.hits.get(&key) {
                return Ok(Arc::clone(hits));
            }
            kept.epoch
        };
        let hits: Arc<[TextHit]> = find()?.into();
        if hits.len() >= MIN_HITS {
            let mut kept = self.lock();
            if kept.epoch == epoch {
                if kept.hits.len() >= QUESTIONS {
                    kept.hits.clear();
                }
                kept.hits.insert(key, Arc::clone(&hits));
            }
        }
        Ok(hits)
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        let mut kept = self.lock();
        kept.epoch += 1;
        kept.hits.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
