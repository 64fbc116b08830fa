//! The fields of the index.

use tantivy::{
    TantivyDocument, Term,
    schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
};

use crate::{catalogue::Slot, tokens::DocumentTokens};

pub(super) const SLOT: &str = "slot";

/// Where a wish may be met.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    slot: Field,
    /// A whole name without blanks.
    pub(super) exact: Field,
    /// Words of the names.
    pub(super) name: Field,
    /// Characters and pairs of characters of the names.
    pub(super) gram: Field,
    /// Full pinyin and initials of runs of words of the names.
    pub(super) pinyin: Field,
    /// Concepts that the names name.
    pub(super) concept: Field,
    /// Words of the services and categories.
    pub(super) offer: Field,
    /// Concepts that the services, categories and facts are.
    pub(super) offer_concept: Field,
    /// Words of the divisions and the address.
    pub(super) place: Field,
    /// Whole names of divisions, without blanks.
    pub(super) division: Field,
}

impl Fields {
    pub(super) fn schema() -> Schema {
        let mut schema = Schema::builder();
        schema.add_u64_field(SLOT, FAST | INDEXED);
        // Only whether a token is there counts: no frequencies, no positions, no norms, so one that comes
        // twice does no harm. Tokens come between blanks: handed over ready-made, tantivy would write
        // them to JSON and read them back.
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("whitespace")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let tokens = TextOptions::default().set_indexing_options(indexing);
        for name in ["name", "gram", "pinyin", "concept", "offer", "offer_concept", "place"] {
            schema.add_text_field(name, tokens.clone());
        }
        schema.add_text_field("exact", STRING);
        schema.add_text_field("division", STRING);
        schema.build()
    }

    pub(super) fn of(schema: &Schema) -> tantivy::Result<Self> {
        let field = |name| schema.get_field(name);
        Ok(Self {
            slot: field(SLOT)?,
            exact: field("exact")?,
            name: field("name")?,
            gram: field("gram")?,
            pinyin: field("pinyin")?,
            concept: field("concept")?,
            offer: field("offer")?,
            offer_concept: field("offer_concept")?,
            place: field("place")?,
            division: field("division")?,
        })
    }

    pub(super) fn slot_term(&self, slot: Slot) -> Term {
        Term::from_field_u64(self.slot, u64::from(slot))
    }

    pub(super) fn document(&self, slot: Slot, tokens: &DocumentTokens) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(self.slot, u64::from(slot));
        for name in &tokens.exact {
            document.add_text(self.exact, name);
        }
        for division in &tokens.division {
            document.add_text(self.division, division);
        }
        for (field, tokens) in [
            (self.name, &tokens.name),
            (self.gram, &tokens.gram),
            (self.pinyin, &tokens.pinyin),
            (self.concept, &tokens.concept),
            (self.offer, &tokens.offer),
            (self.offer_concept, &tokens.offer_concept),
            (self.place, &tokens.place),
        ] {
            document.add_text(field, tokens.as_str());
        }
        document
    }
}
