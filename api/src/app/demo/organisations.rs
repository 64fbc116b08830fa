//! The organisations of a made city, one for each division, and its service areas.

use std::collections::{HashMap, HashSet};

use linli_domain::{
    access::{OrgPath, OrganisationKind},
    division::{Division, DivisionCode, Divisions, Level},
    generator::Generator,
    ids::{OrganisationId, ServiceAreaId},
};
use linli_store::{
    Error,
    storage::staff::{organisation, service_area, service_area_member},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use crate::App;

/// Rows of one statement; their parameters stay below what a database takes.
const BATCH: usize = 1000;

/// Which organisation stands for which division.
pub(super) struct Places {
    by_division: HashMap<DivisionCode, (OrganisationId, OrgPath)>,
    /// Every city.
    pub(super) roots: Vec<OrgPath>,
    /// The city of the first community.
    pub(super) first_city: OrganisationId,
}

impl Places {
    pub(super) fn of(&self, division: DivisionCode) -> Option<(OrganisationId, &OrgPath)> {
        self.by_division.get(&division).map(|(id, path)| (*id, path))
    }
}

/// Enters an organisation for every city, district, street and community that is not there yet.
pub(super) async fn seed(app: &App, divisions: &Divisions, city: &Generator<'_>) -> Result<Places, Error> {
    let known = organisation::Entity::find().filter(organisation::Column::Code.is_not_null());
    let mut by_division = HashMap::new();
    for row in known.all(app.db.read()).await? {
        let code = row.code.and_then(|code| code.parse::<DivisionCode>().ok());
        if let (Some(code), Some(path)) = (code, OrgPath::parse(&row.path)) {
            by_division.insert(code, (OrganisationId(row.id), path));
        }
    }
    let (mut rows, mut roots, mut first_city) = (Vec::new(), Vec::new(), None);
    for community in city.communities() {
        let mut parent: Option<(OrganisationId, OrgPath)> = None;
        for (kind, division) in offices(divisions, community.code) {
            let place = by_division.entry(division.code).or_insert_with(|| {
                let row = new_row(app, kind, division, parent.as_ref());
                let place = (OrganisationId(row.id), path_of(row.id.into(), parent.as_ref()));
                rows.push(row);
                place
            });
            if kind == OrganisationKind::City && !roots.contains(&place.1) {
                first_city.get_or_insert(place.0);
                roots.push(place.1.clone());
            }
            parent = Some(place.clone());
        }
    }
    let rows = &rows;
    app.db
        .in_tx("demo.organisations", |tx| async move {
            for batch in rows.chunks(BATCH) {
                let rows = batch.iter().map(|row| organisation::ActiveModel::from(row.clone()).reset_all());
                organisation::Entity::insert_many(rows).exec_without_returning(tx.conn()).await?;
            }
            tx.commit(()).await
        })
        .await?;
    let no_city = || Error::internal("seeding organisations", "the list of divisions has no city");
    Ok(Places { by_division, roots, first_city: first_city.ok_or_else(no_city)? })
}

/// The offices responsible for a community, from the city down.
fn offices(divisions: &Divisions, community: DivisionCode) -> Vec<(OrganisationKind, &Division)> {
    let city = divisions.city(community).map(|city| (OrganisationKind::City, city));
    let below = divisions.lineage(community).into_iter().filter_map(|division| {
        let kind = match division.code.level() {
            Level::Province | Level::City => return None,
            Level::District => OrganisationKind::District,
            Level::Street => OrganisationKind::Street,
            Level::Community => OrganisationKind::Community,
        };
        Some((kind, division))
    });
    city.into_iter().chain(below).collect()
}

fn path_of(id: OrganisationId, parent: Option<&(OrganisationId, OrgPath)>) -> OrgPath {
    parent.map_or_else(|| OrgPath::root(id), |(_, above)| above.child(id))
}

fn new_row(
    app: &App,
    kind: OrganisationKind,
    division: &Division,
    parent: Option<&(OrganisationId, OrgPath)>,
) -> organisation::Model {
    let (id, now) = (app.env.id::<OrganisationId>(), app.env.now());
    organisation::Model {
        id: id.0,
        parent_id: parent.map(|(id, _)| id.0),
        kind: kind.as_str().to_owned(),
        name: division.plain_name(),
        code: Some(division.code.to_string()),
        path: path_of(id, parent).to_string(),
        version: 1,
        created_at: now,
        updated_at: now,
        closed_at: None,
    }
}

/// Draws the service areas of every street that has none.
pub(super) async fn seed_service_areas(
    app: &App,
    city: &Generator<'_>,
    places: &Places,
) -> Result<(), Error> {
    let drawn: HashSet<Uuid> = service_area::Entity::find()
        .all(app.db.read())
        .await?
        .into_iter()
        .map(|row| row.organisation_id)
        .collect();
    let now = app.env.now();
    let (mut areas, mut members) = (Vec::new(), Vec::new());
    for made in city.service_areas() {
        let Some((street, path)) = places.of(made.street).filter(|(street, _)| !drawn.contains(&street.0))
        else {
            continue;
        };
        let id = app.env.id::<ServiceAreaId>();
        areas.push(service_area::ActiveModel {
            id: Set(id.0),
            name: Set(made.name),
            organisation_id: Set(street.0),
            org_path: Set(path.to_string()),
            version: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        });
        members.extend(made.communities.iter().filter_map(|code| places.of(*code)).map(|(community, _)| {
            service_area_member::ActiveModel { service_area_id: Set(id.0), organisation_id: Set(community.0) }
        }));
    }
    let (areas, members) = (&areas, &members);
    app.db
        .in_tx("demo.service_areas", |tx| async move {
            for batch in areas.chunks(BATCH) {
                service_area::Entity::insert_many(batch.to_vec()).exec_without_returning(tx.conn()).await?;
            }
            for batch in members.chunks(BATCH) {
                service_area_member::Entity::insert_many(batch.to_vec())
                    .exec_without_returning(tx.conn())
                    .await?;
            }
            tx.commit(()).await
        })
        .await
}
