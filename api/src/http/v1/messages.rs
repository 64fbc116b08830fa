//! The inbox of a resident: what happened to their bookings, in plain words.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Code, Vocabulary,
    bookings::message::{self, BookingChange, Facts},
    ids::MessageId,
    time::local,
};
use linli_store::storage::bookings::message::Model;
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::bookings::messages,
    http::{Problem, auth::Resident, paging, problem::Language, word::Word},
};

/// The inbox.
pub struct Messages;

/// A message
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Message {
    id: String,
    /// What happened.
    change: Word<BookingChange>,
    /// A few words, in the language asked for by `Accept-Language`.
    title: String,
    /// One or two sentences.
    body: String,
    booking_id: String,
    created_at: DateTime<FixedOffset>,
    /// When it was read; absent while it is new.
    read_at: Option<DateTime<FixedOffset>>,
}

/// A page of the inbox
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Inbox {
    items: Vec<Message>,
    /// Send it back as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
}

#[OpenApi(tag = "Tag::Messages")]
impl Messages {
    /// Lists your messages
    ///
    /// The latest first.
    #[oai(path = "/messages", method = "get", operation_id = "listMessages")]
    async fn list(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "Accept-Language")] language: Header<Option<String>>,
        /// Only those that are new.
        unread: Query<Option<bool>>,
        /// Messages on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Inbox>, Problem> {
        let unread = unread.0.unwrap_or(false);
        let filters = ("messages", resident.id, unread);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let rows = messages::list(&app, resident.id, unread, after, limit).await?;
        let (page, next) = paging::cut(rows, limit, |row| (row.created_at, MessageId(row.id)));
        let language = Language::named(language.0.as_deref().unwrap_or_default());
        let items = page.into_iter().map(|row| render(row, language)).collect::<Result<_, _>>()?;
        Ok(Json(Inbox { items, next_cursor: next.map(|at| paging::seal(&app, &filters, at)) }))
    }

    /// Marks a message as read
    #[oai(path = "/messages/:id/read", method = "post", operation_id = "readMessage")]
    async fn read(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "Accept-Language")] language: Header<Option<String>>,
        id: Path<Uuid>,
    ) -> Result<Json<Message>, Problem> {
        let row = messages::mark_read(&app, resident.id, MessageId(id.0)).await?;
        Ok(Json(render(row, Language::named(language.0.as_deref().unwrap_or_default()))?))
    }
}

fn render(row: Model, language: Language) -> Result<Message, Code> {
    let change = BookingChange::parse(&row.change).ok_or(Code::Internal)?;
    let facts = Facts {
        change,
        place: &row.place,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        until: row.kept_until,
        price_fen: u32::try_from(row.price_fen).unwrap_or(0),
    };
    let text = match language {
        Language::Zh => message::zh(&facts),
        Language::En => message::en(&facts),
    };
    Ok(Message {
        id: row.id.to_string(),
        change: Word(change),
        title: text.title.to_owned(),
        body: text.body,
        booking_id: row.booking_id.to_string(),
        created_at: local(row.created_at),
        read_at: row.read_at.map(local),
    })
}
