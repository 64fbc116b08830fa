//! The domain's vocabularies on the wire: one generic type, so that no list of words is kept twice.

use std::borrow::Cow;

use linli_domain::vocabulary::{Vocabulary, WordSet};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::Value;

/// A word of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<V>(pub V);

/// The words of a set.
pub fn words<V: Vocabulary>(set: &WordSet<V>) -> Vec<Word<V>> {
    set.iter().map(Word).collect()
}

/// The set of words.
pub fn set<V: Vocabulary>(words: &[Word<V>]) -> WordSet<V> {
    words.iter().map(|word| word.0).collect()
}

impl<V: Vocabulary + Send + Sync> Type for Word<V> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        V::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(V::NAME.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(V::NAME.to_owned(), |_| {
            let mut schema = MetaSchema::new("string");
            schema.enum_items = V::ALL.iter().map(|word| word.as_str().into()).collect();
            schema
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<V: Vocabulary + Send + Sync> ParseFromJSON for Word<V> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(name)) => Self::parse_from_parameter(&name),
            _ => Err(ParseError::custom("not a word")),
        }
    }
}

impl<V: Vocabulary + Send + Sync> ParseFromParameter for Word<V> {
    fn parse_from_parameter(name: &str) -> ParseResult<Self> {
        V::parse(name).map(Self).ok_or_else(|| ParseError::custom("not a word of the vocabulary"))
    }
}

impl<V: Vocabulary + Send + Sync> ToJSON for Word<V> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_str().into())
    }
}
