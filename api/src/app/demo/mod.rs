//! Seeding a made city: for the demo, for tests and for benchmarks.
//!
//! Everything is entered by what identifies it outside (division codes, source and external id), so
//! seeding again, after a restart or a kill, completes what is missing and changes nothing else.

mod organisations;
mod rooms;

use linli_domain::{
    access::Scope,
    division::Divisions,
    generator::{Generator, MadeFacility, SOURCE},
    geo::Point,
    ids::OrganisationId,
    time::local_date,
};
use linli_store::{
    Error,
    audit::Actor,
    storage::facilities::{self, Incoming, facility, upsert::MAX_BATCH},
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

pub use self::rooms::Bookable;

use self::organisations::Places;
use crate::App;

/// How far seeding is: what is being made, how many of it are there, of how many.
pub type Progress<'a> = &'a (dyn Fn(&'static str, usize, usize) + Send + Sync);

/// What was made.
#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    /// The first city; whoever holds a role there reaches everything in it.
    pub city: OrganisationId,
    /// A place in the middle of what was made.
    pub middle: Point,
    /// A slot of tomorrow that is free.
    pub bookable: Option<Bookable>,
}

/// Makes a city of `size` facilities, or completes it. The same seed makes the same city.
pub async fn seed(app: &App, size: usize, seed: u64, progress: Progress<'_>) -> Result<Seeded, Error> {
    let divisions = Divisions::shipped();
    let city = Generator::new(divisions, seed, size.max(1), local_date(app.env.now()));
    let places = organisations::seed(app, divisions, &city).await?;
    organisations::seed_service_areas(app, &city, &places).await?;
    seed_facilities(app, &city, &places, size, progress).await?;
    let bookable = rooms::seed(app, &city, size, progress).await?;
    let communities = city.communities();
    let middle = communities[communities.len() / 2].centre;
    Ok(Seeded { city: places.first_city, middle, bookable })
}

async fn seed_facilities(
    app: &App,
    city: &Generator<'_>,
    places: &Places,
    size: usize,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let made = facility::Entity::find().filter(facility::Column::Source.eq(SOURCE));
    let there = made.count(app.db.read()).await?;
    if there >= size as u64 {
        return Ok(());
    }
    let (scope, mut done) = (&Scope::new(places.roots.iter().cloned()), 0);
    let mut batch = Vec::with_capacity(MAX_BATCH);
    for made in city.facilities().take(size) {
        batch.push(incoming(made, places)?);
        done += 1;
        if batch.len() == MAX_BATCH || done == size {
            write(app, scope, &batch).await?;
            batch.clear();
            progress("facilities", done, size);
        }
    }
    Ok(())
}

async fn write(app: &App, scope: &Scope, batch: &[Incoming]) -> Result<(), Error> {
    app.db
        .in_tx("demo.facilities", |tx| async move {
            facilities::upsert(tx.conn(), &app.env, Actor::System, scope, SOURCE, batch).await?;
            tx.commit(()).await
        })
        .await
}

fn incoming(made: MadeFacility, places: &Places) -> Result<Incoming, Error> {
    let missing = || Error::internal("seeding facilities", "a community without an organisation");
    let (organisation_id, org_path) = places.of(made.community).ok_or_else(missing)?;
    Ok(Incoming {
        external_id: made.external_id,
        organisation_id,
        org_path: org_path.to_string(),
        facility: made.facility,
        status: Some(made.status),
    })
}
