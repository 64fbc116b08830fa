//! Pages: seek, not offset. A cursor is opaque, authenticated, bound to its filters, and expires.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use linli_domain::Code;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::App;

/// Items on a page when nothing is asked for.
pub const DEFAULT_LIMIT: u32 = 20;
/// Items on a page at the most.
pub const MAX_LIMIT: u32 = 100;

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    /// Where the next page begins.
    at: T,
    /// Digest of the filters it was made under.
    of: String,
    /// When it was made, in Unix seconds.
    on: i64,
}

/// Seals a position. `filters` names the list and everything that shapes it.
pub fn seal<T: Serialize>(app: &App, filters: &impl Serialize, at: T) -> String {
    let sealed = Sealed { at, of: digest_of(filters), on: app.env.now().timestamp() };
    let text = serde_json::to_vec(&sealed).expect("a position is plain data");
    let tag = hmac::sign(app.keys.cursor(), &text);
    URL_SAFE_NO_PAD.encode([&tag.as_ref()[..16], &text].concat())
}

/// Opens a position: 400 when it is not ours or belongs to another list, 410 when it is too old.
pub fn open<T: DeserializeOwned>(app: &App, filters: &impl Serialize, cursor: &str) -> Result<T, Code> {
    open_within(app, filters, cursor, app.config.http.cursor_ttl_s)
}

/// The same with a lifetime of its own, for feeds that are read day by day.
pub fn open_within<T: DeserializeOwned>(
    app: &App,
    filters: &impl Serialize,
    cursor: &str,
    ttl_s: u64,
) -> Result<T, Code> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Code::CursorInvalid)?;
    let (tag, text) = bytes.split_at_checked(16).ok_or(Code::CursorInvalid)?;
    let expected = hmac::sign(app.keys.cursor(), text);
    aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..16], tag)
        .map_err(|_| Code::CursorInvalid)?;
    let sealed: Sealed<T> = serde_json::from_slice(text).map_err(|_| Code::CursorInvalid)?;
    if sealed.of != digest_of(filters) {
        return Err(Code::CursorInvalid);
    }
    let age = app.env.now().timestamp().saturating_sub(sealed.on);
    if u64::try_from(age).is_ok_and(|age| age > ttl_s) {
        return Err(Code::CursorExpired);
    }
    Ok(sealed.at)
}

fn digest_of(filters: &impl Serialize) -> String {
    let text = serde_json::to_vec(filters).expect("filters are plain data");
    hex::encode(&digest::digest(&digest::SHA256, &text).as_ref()[..8])
}

/// Cuts `limit + 1` rows to a page and tells where the next one begins.
pub fn cut<T, K>(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> (Vec<T>, Option<K>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return (rows, None);
    }
    rows.truncate(limit);
    let next = rows.last().map(key);
    (rows, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_and_the_last_row_is_where_the_next_begins() {
        assert_eq!(cut(vec![1, 2, 3], 2, |n| *n), (vec![1, 2], Some(2)));
        assert_eq!(cut(vec![1, 2], 2, |n| *n), (vec![1, 2], None));
        assert_eq!(cut(Vec::<i32>::new(), 2, |n| *n), (vec![], None));
    }
}
