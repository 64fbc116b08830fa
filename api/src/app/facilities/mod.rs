//! Facilities: what residents read, and what staff keep up.

pub mod edit;
pub mod notices;
pub mod photos;
pub mod picture;
pub mod reports;

use chrono::{DateTime, Utc};
use linli_domain::{Code, access::Scope, hours::State, ids::FacilityId, time};
use linli_store::{
    Error,
    storage::facilities::{self, Stored, feed, notice, photo},
};

use super::calendar;
use crate::App;

/// A facility with what changes by the day.
pub struct Shown {
    /// The facility.
    pub stored: Stored,
    /// Whether it is open now.
    pub state: State,
    /// What it announces today.
    pub notices: Vec<notice::Model>,
    /// Its photos.
    pub photos: Vec<photo::Model>,
}

/// A facility as residents see it now.
pub async fn show(app: &App, id: FacilityId) -> Result<Shown, Error> {
    let stored = facilities::find_public(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    let now = app.env.now();
    let notices = notice::current(app.db.read(), id, time::local_date(now)).await?;
    let photos = photo::of_facility(app.db.read(), id).await?;
    let state = state(app, &stored, now).await;
    Ok(Shown { stored, state, notices, photos })
}

/// A facility in scope, as it is stored.
pub async fn find(app: &App, scope: &Scope, id: FacilityId) -> Result<Stored, Error> {
    Ok(facilities::find(app.db.read(), scope, id).await?.ok_or(Code::NotFound)?)
}

/// Whether it is open: its hours, unless it takes nobody in at all.
async fn state(app: &App, stored: &Stored, now: DateTime<Utc>) -> State {
    if !stored.status.operates() {
        return State { open: Some(false), next_change: None, reason: None, calendar_known: true };
    }
    stored.facility.data().hours.state_at(now, &*calendar::current(app).await)
}

/// What changed after `place`, oldest first, and the place of the last.
pub async fn changes(
    app: &App,
    after: Option<feed::Place>,
    since: Option<DateTime<Utc>>,
    limit: u32,
) -> Result<Vec<Stored>, Error> {
    feed::read_after(app.db.read(), after, since, limit.into()).await
}
