//! Closed vocabularies: enums with a stable wire name and a label in both languages.
//!
//! One table per vocabulary fixes everything a person or a client ever sees of
//! it, so storage, wire, search and forms cannot drift apart.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A closed list of at most 64 words with stable names.
pub trait Vocabulary: Copy + Eq + 'static {
    /// Name of the vocabulary, in `CamelCase`, as OpenAPI shows it.
    const NAME: &'static str;
    /// Every word, in the order of the table.
    const ALL: &'static [Self];

    /// The stable snake_case name.
    fn as_str(self) -> &'static str;
    /// The label in Chinese.
    fn zh(self) -> &'static str;
    /// The label in English.
    fn en(self) -> &'static str;

    /// Position in the table; not stable between versions, so never stored.
    fn index(self) -> usize;

    /// Reads a stable name.
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.as_str() == name)
    }
}

/// A set of words, as a bit each; written as the list of their names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WordSet<V> {
    bits: u64,
    words: PhantomData<V>,
}

impl<V: Vocabulary> WordSet<V> {
    /// No word.
    pub const EMPTY: Self = Self { bits: 0, words: PhantomData };

    /// Adds a word.
    pub fn insert(&mut self, word: V) {
        self.bits |= 1 << word.index();
    }

    /// Whether the word is in the set.
    pub fn contains(&self, word: V) -> bool {
        self.bits & (1 << word.index()) != 0
    }

    /// Whether every word of `other` is in this set.
    pub fn contains_all(&self, other: &Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// Whether some word is in both sets.
    pub fn intersects(&self, other: &Self) -> bool {
        self.bits & other.bits != 0
    }

    /// Whether no word is in the set.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// The words, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = V> {
        let set = *self;
        V::ALL.iter().copied().filter(move |word| set.contains(*word))
    }
}

impl<V: Vocabulary> Default for WordSet<V> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<V: Vocabulary> FromIterator<V> for WordSet<V> {
    fn from_iter<I: IntoIterator<Item = V>>(words: I) -> Self {
        words.into_iter().fold(Self::EMPTY, |mut set, word| {
            set.insert(word);
            set
        })
    }
}

impl<V: Vocabulary> fmt::Debug for WordSet<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Vocabulary::as_str)).finish()
    }
}

impl<V: Vocabulary + Serialize> Serialize for WordSet<V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de, V: Vocabulary + Deserialize<'de>> Deserialize<'de> for WordSet<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<V>::deserialize(from).map(Self::from_iter)
    }
}

/// Declares a vocabulary: `Variant, "name", "中文", "English";`.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident, $text:literal, $zh:literal, $en:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* #[doc = $en] $variant,)+
        }

        impl $crate::vocabulary::Vocabulary for $name {
            const NAME: &'static str = stringify!($name);
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)+ }
            }

            fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::vocabulary::Vocabulary::as_str(*self))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str($crate::vocabulary::Vocabulary::as_str(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(from)?;
                $crate::vocabulary::Vocabulary::parse(&name)
                    .ok_or_else(|| serde::de::Error::custom(concat!("not a known ", stringify!($name))))
            }
        }
    };
}
pub(crate) use vocabulary;
