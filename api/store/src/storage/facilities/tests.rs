use linli_domain::{
    Code,
    access::OrgPath,
    facility::{Category, Facility, FacilityData, FacilityStatus},
};
use linli_store::{
    Db, Env, Error, Scope,
    audit::Actor,
    outbox,
    storage::{calendar, facilities::*, staff::organisation},
    testing::on_both,
};
use sea_orm::Set;

/// A city with two districts.
struct City {
    env: Env,
    scope: Scope,
    districts: [(OrganisationId, OrgPath); 2],
}

async fn city(db: &Db) -> City {
    let env = Env::system();
    let (city, one, two) = (env.id(), env.id(), env.id());
    let root = OrgPath::root(city);
    let (first, second) = (root.child(one), root.child(two));
    for (id, parent, kind, path) in [
        (city, None, "city", &root),
        (one, Some(city), "district", &first),
        (two, Some(city), "district", &second),
    ] {
        let row = organisation::ActiveModel {
            id: Set(id.0),
            parent_id: Set(parent.map(|id| id.0)),
            kind: Set(kind.into()),
            name: Set(kind.into()),
            code: Set(None),
            path: Set(path.to_string()),
            version: Set(1),
            created_at: Set(env.now()),
            updated_at: Set(env.now()),
            closed_at: Set(None),
        };
        organisation::Entity::insert(row).exec_without_returning(db.any_write()).await.unwrap();
    }
    City { env, scope: Scope::new([root]), districts: [(one, first), (two, second)] }
}

impl City {
    fn incoming(&self, external_id: &str, name: &str, district: usize) -> Incoming {
        let (organisation_id, path) = &self.districts[district];
        let data = FacilityData::new(name, Category::ElderlyCare, "采荷路1号");
        Incoming {
            external_id: external_id.into(),
            organisation_id: *organisation_id,
            org_path: path.to_string(),
            facility: Facility::new(data, self.env.now()).unwrap(),
            status: None,
        }
    }

    async fn import(&self, db: &Db, scope: &Scope, batch: &[Incoming]) -> Vec<Outcome> {
        db.in_tx("test.import", |tx| async move {
            let outcomes = upsert(tx.conn(), &self.env, Actor::System, scope, "test", batch).await?;
            tx.commit(outcomes).await
        })
        .await
        .unwrap()
    }
}

async fn feed_names(db: &Db, after: Option<feed::Place>) -> Vec<String> {
    let page = feed::read_after(db.read(), after, None, 10).await.unwrap();
    page.iter().map(|stored| stored.facility.data().name.clone()).collect()
}

/// Waits until every event is settled: transactions of other tests on the same PostgreSQL
/// server hold readers back while they run.
async fn settled_events(db: &Db, expected: usize) -> usize {
    for _ in 0..200 {
        let read = outbox::read_after(db.read(), outbox::Cursor::default(), 100).await.unwrap().len();
        if read >= expected {
            return read;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    0
}

on_both!(an_import_is_idempotent, async |db: &Db| {
    let city = city(db).await;
    let batch = [
        city.incoming("1", "采荷食堂", 0),
        city.incoming("2", "闸弄口食堂", 1),
        city.incoming("2", "重复", 1),
    ];
    let outcomes = city.import(db, &city.scope, &batch).await;
    let [Outcome::Created(one), Outcome::Created(two), Outcome::Refused(refusal)] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(refusal.code, Code::FacilityDuplicate);

    let again = city.import(db, &city.scope, &batch[..2]).await;
    assert_eq!(again, [Outcome::Unchanged(*one), Outcome::Unchanged(*two)]);
    let renamed = city.import(db, &city.scope, &[city.incoming("1", "采荷老年食堂", 0)]).await;
    assert_eq!(renamed, [Outcome::Updated(*one)]);

    let stored = find(db.read(), &city.scope, *one).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.facility.data().name.as_str()), (2, "采荷老年食堂"));
    let history = history(db.read(), *one, None, 10).await.unwrap();
    let changes: Vec<_> = history.iter().map(|change| (change.version, change.fields.clone())).collect();
    assert_eq!(changes, [(2, serde_json::json!(["name"])), (1, serde_json::json!([]))]);
    // Three writes, three events: nothing was emitted for what did not change.
    assert_eq!(settled_events(db, 3).await, 3);
    // Each facility stands once in the feed, the renamed one at the end.
    assert_eq!(feed_names(db, None).await, ["闸弄口食堂", "采荷老年食堂"]);
    let place = feed::Place { revision: stored.revision, id: stored.id };
    assert!(feed_names(db, Some(place)).await.is_empty());
});

on_both!(an_import_stays_in_its_scope, async |db: &Db| {
    let city = city(db).await;
    city.import(db, &city.scope, &[city.incoming("1", "一号设施", 0)]).await;
    let narrow = Scope::new([city.districts[1].1.clone()]);
    let batch =
        [city.incoming("1", "改名", 1), city.incoming("9", "别处", 0), city.incoming("2", "自己的", 1)];
    let outcomes = city.import(db, &narrow, &batch).await;
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Refused(refusal) => Some(refusal.code),
            _ => None,
        })
        .collect();
    assert_eq!(codes, [Some(Code::NotFound), Some(Code::NotFound), None]);
    let seen = list(db.read(), &narrow, &Filter::default(), None, 10).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert!(find(db.read(), &Scope::default(), seen[0].id).await.unwrap().is_none());
});

on_both!(filters_narrow_a_list, async |db: &Db| {
    let city = city(db).await;
    let mut odd = city.incoming("2", "100%_之家", 0);
    let mut data = odd.facility.clone().into_data();
    data.categories = vec![Category::Health, Category::Sports];
    odd.facility = Facility::new(data, city.env.now()).unwrap();
    odd.status = Some(FacilityStatus::Planned);
    city.import(db, &city.scope, &[city.incoming("1", "乐龄之家", 0), odd, city.incoming("3", "食堂三", 1)])
        .await;
    let names = async |filter: Filter| {
        let rows = list(db.read(), &city.scope, &filter, None, 10).await.unwrap();
        let mut ids: Vec<_> = rows.into_iter().map(|stored| stored.external_id.unwrap()).collect();
        ids.sort();
        ids
    };
    assert_eq!(names(Filter { name: Some("之家".into()), ..Filter::default() }).await, ["1", "2"]);
    assert_eq!(names(Filter { name: Some("%_".into()), ..Filter::default() }).await, ["2"]);
    assert_eq!(names(Filter { category: Some(Category::Sports), ..Filter::default() }).await, ["2"]);
    assert_eq!(names(Filter { status: Some(FacilityStatus::Open), ..Filter::default() }).await, ["1", "3"]);
    let below = city.districts[1].1.to_string();
    assert_eq!(names(Filter { org_path: Some(below), ..Filter::default() }).await, ["3"]);
});

on_both!(of_two_edits_of_one_version_the_second_is_refused, async |db: &Db| {
    let city = &city(db).await;
    let outcomes = city.import(db, &city.scope, &[city.incoming("1", "一号设施", 0)]).await;
    let Outcome::Created(id) = outcomes[0] else { panic!("{outcomes:?}") };
    let stored = &find(db.read(), &city.scope, id).await.unwrap().unwrap();
    let edit = async |name: &str| -> Result<i64, Error> {
        let facility = &city.incoming("1", name, 0).facility;
        db.in_tx("test.edit", |tx| async move {
            let actor = Actor::System;
            let version = write::update(
                tx.conn(),
                &city.env,
                actor,
                stored,
                "facility.update",
                facility,
                stored.status,
            )
            .await?;
            tx.commit(version).await
        })
        .await
    };
    assert_eq!(edit("二号设施").await.unwrap(), 2);
    assert_eq!(edit("三号设施").await.unwrap_err().refusal().unwrap().code, Code::PreconditionFailed);
    assert_eq!(
        edit("一号设施").await.unwrap(),
        1,
        "nothing differs from what was read, so nothing is written"
    );
});

on_both!(a_loaded_year_extends_the_calendar, async |db: &Db| {
    let city = &city(db).await;
    let text = r#"{"version":1,"year":2027,"source":"测试","off":[{"name":"元旦","from":"2027-01-01","to":"2027-01-03"}],"work":[]}"#;
    let year = &serde_json::from_str(text).unwrap();
    let load = |replaced| {
        db.in_tx("test.year", move |tx| async move {
            let version = calendar::save(tx.conn(), &city.env, city.env.id(), year, replaced).await?;
            tx.commit(version).await
        })
    };
    assert_eq!((load(0).await.unwrap(), load(1).await.unwrap()), (1, 2));
    for stale in [0, 1, i64::MAX] {
        assert_eq!(load(stale).await.unwrap_err().refusal().unwrap().code, Code::PreconditionFailed);
    }
    let loaded = calendar::load(db.read()).await.unwrap();
    assert!(loaded.known("2027-05-01".parse().unwrap()) && loaded.known("2024-05-01".parse().unwrap()));
    assert_eq!(calendar::find(db.read(), 2027).await.unwrap().unwrap().version, 2);
});
