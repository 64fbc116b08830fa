//! What it is worth that a word of a question is met, by where: one table, so that engines agree.

/// In a name, as it was said.
pub(crate) const NAMED: f32 = 1.0;
/// In a name, by another word for it or by its pinyin.
pub(crate) const NAMED_OTHERWISE: f32 = 0.9;
/// In a part of a name that is no word of its own, or as the division it lies in.
pub(crate) const NAMED_IN_PART: f32 = 0.8;
/// Among its services and categories.
pub(crate) const OFFERED: f32 = 0.7;
/// By what its services are, or by words of its address.
pub(crate) const AROUND: f32 = 0.6;
/// Of a hint, wherever it is met.
pub(crate) const HINT: f32 = 0.2;
