//! Halls that divide, slots that many share, and what the list of slots says.

use chrono::{DateTime, Duration as Time, NaiveDate, Utc};
use linli_domain::{
    ids::{FacilityId, RoomId},
    rooms::{BookingRules, Grid, Offer, Span, plan_day},
    time::local_date,
};
use linli_store::{
    env::TestClock,
    storage::rooms::{self, Published, Room, room},
    testing::on_both,
};

use super::*;

/// A facility in which rooms are made, divided and published.
struct House {
    bench: Bench,
    clock: Arc<TestClock>,
    facility: FacilityId,
    date: NaiveDate,
}

impl House {
    fn new(bench: Bench) -> Self {
        let clock = TestClock::at(DateTime::from_timestamp_secs(1_795_000_000).unwrap());
        let bench = Bench { env: Env::with_clock(clock.clone()), ..bench };
        let date = local_date(bench.env.now()).succ_opt().unwrap();
        Self { facility: bench.env.id(), clock, bench, date }
    }

    /// Both gates on `db`.
    async fn both(db: &Db, redis: &PrivateRedis) -> [Self; 2] {
        [Self::new(Bench::open(db)), Self::new(Bench::redis(db, redis).await)]
    }

    fn unsaved(&self, part_of: Option<RoomId>) -> Room {
        let id: RoomId = self.bench.env.id();
        let rules = BookingRules {
            max_party_size: 30,
            lead: Time::zero(),
            horizon_days: 14,
            cancel_until: Time::zero(),
        };
        Room {
            id,
            facility_id: self.facility,
            org_path: "/x/".to_owned(),
            part_of,
            name: id.to_string(),
            description: None,
            grid: Grid::Hour,
            rules,
            version: 1,
        }
    }

    async fn room(&self) -> Room {
        let room = self.unsaved(None);
        room::Entity::insert(row(&room, self.bench.env.now()))
            .exec_without_returning(self.bench.db.any_write())
            .await
            .unwrap();
        room
    }

    /// Divides `whole`, as often as it takes while people book.
    async fn part_of(&self, whole: &Room) -> Room {
        let part = self.unsaved(Some(whole.id));
        let (db, env, part) = (&self.bench.db, &self.bench.env, &part);
        for _ in 0..100 {
            let divided = db.in_tx("test.divide", |tx| async move {
                let Some(cells) = rooms::lock_cells(tx.conn(), whole.id, self.date).await? else {
                    return tx.commit(false).await;
                };
                room::Entity::insert(row(part, env.now())).exec_without_returning(tx.conn()).await?;
                rooms::divide(tx.conn(), env, cells, part.id).await?;
                tx.commit(true).await
            });
            if divided.await.unwrap() {
                return part.clone();
            }
        }
        panic!("the room could not be divided");
    }

    async fn publish(&self, room: &Room, offers: &[Offer]) -> Result<Published, Error> {
        let (db, env) = (&self.bench.db, &self.bench.env);
        db.in_tx("test.publish", |tx| async move {
            let tree = rooms::lock_tree(tx.conn(), room.id).await?;
            let plan = &plan_day(room.grid, &tree, self.date, offers, env.now())?;
            let published = rooms::publish(tx.conn(), env, room, self.date, plan).await?;
            tx.commit(published).await
        })
        .await
    }

    /// What is free of each slot of the day, by start.
    async fn free(&self, room: &Room) -> Vec<i32> {
        let slots = self.slots(room).await;
        slots.iter().map(|slot| slot.free).collect()
    }

    async fn slots(&self, room: &Room) -> Vec<rooms::SlotRow> {
        let conn = self.bench.db.read();
        rooms::slots(conn, room.id, self.date, self.date, self.bench.env.now()).await.unwrap()
    }

    /// Books the `n`th slot of the day, as planned at this moment.
    async fn book(&self, key: &str, room: &Room, n: usize, party: u16) -> Result<Claim, Error> {
        let claim = self.plan(key, room, n, party).await;
        self.bench.make(key, &claim).await.map(|_| claim)
    }

    async fn plan(&self, key: &str, room: &Room, n: usize, party: u16) -> Claim {
        let slot = self.slots(room).await[n].id.into();
        let plan = rooms::slot_plan(self.bench.db.read(), room.id, slot).await.unwrap().unwrap();
        Claim::new(self.bench.env.id(), "resident:1".to_owned(), digest(key), plan.needs(party)).unwrap()
    }
}

fn row(room: &Room, now: DateTime<Utc>) -> room::ActiveModel {
    room::ActiveModel {
        id: Set(room.id.0),
        facility_id: Set(room.facility_id.0),
        org_path: Set(room.org_path.clone()),
        part_of: Set(room.part_of.map(|whole| whole.0)),
        name: Set(room.name.clone()),
        description: Set(None),
        grid_minutes: Set(60),
        max_party_size: Set(30),
        lead_minutes: Set(0),
        horizon_days: Set(14),
        cancel_until_minutes: Set(0),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

fn hours(n: u16) -> Vec<Offer> {
    (9..9 + n).map(|hour| Span::new(hour * 60, hour * 60 + 60).unwrap().into()).collect()
}

fn code<T>(result: Result<T, Error>) -> Option<Code> {
    result.err().map(|error| error.refusal().unwrap_or_else(|| panic!("{error:?}")).code)
}

on_both!(a_hall_is_booked_alone_or_its_parts_are, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for house in House::both(db, &redis).await {
        let hall = house.room().await;
        let rooms = [&hall, &house.part_of(&hall).await, &house.part_of(&hall).await];
        for room in rooms {
            house.publish(room, &hours(1)).await.unwrap();
        }
        let mut plans = Vec::new();
        for n in 0..90 {
            let key = format!("{}-{n}", hall.id);
            plans.push((n % 3, key.clone(), house.plan(&key, rooms[n % 3], 0, 1).await));
        }
        let tasks = plans.into_iter().map(|(of, key, claim)| {
            let bench = house.bench.clone();
            tokio::spawn(async move { (of, bench.make(&key, &claim).await) })
        });
        let mut won = [0; 3];
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                (of, Ok(_)) => won[of] += 1,
                (_, result) => assert_eq!(code(result), Some(Code::SoldOut)),
            }
        }
        assert!(matches!(won, [1, 0, 0] | [0, 1, 0] | [0, 0, 1] | [0, 1, 1]), "{won:?}");
        assert!(!house.bench.oversold().await);
    }
});

on_both!(a_part_added_while_people_book_belongs_to_whoever_has_the_whole, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for house in House::both(db, &redis).await {
        let hall = house.room().await;
        house.publish(&hall, &hours(8)).await.unwrap();
        let before = house.book(&format!("{}-before", hall.id), &hall, 0, 1).await.unwrap();
        let people = async {
            let mut won = Vec::new();
            for round in 0..6 {
                for n in 1..6 {
                    let key = format!("{}-{round}-{n}", hall.id);
                    // A plan of before the division is refused; the next look finds the new one.
                    match house.book(&key, &hall, n, 1).await {
                        Ok(claim) => won.push((n, claim)),
                        Err(error) => {
                            let code = error.refusal().unwrap_or_else(|| panic!("{error:?}")).code;
                            assert!([Code::SoldOut, Code::SlotClosed].contains(&code), "{code:?}");
                        }
                    }
                }
            }
            won
        };
        let dividing = async {
            let part = house.part_of(&hall).await;
            house.publish(&part, &hours(8)).await.unwrap();
            let mut won = Vec::new();
            for n in 0..8 {
                let key = format!("{}-part-{n}", hall.id);
                if house.book(&key, &part, n, 1).await.is_ok() {
                    won.push(n);
                }
            }
            (part, won)
        };
        let (halls, (part, parts)) = tokio::join!(people, dividing);
        assert!(!house.bench.oversold().await);
        assert!(!parts.contains(&0) && parts.contains(&6) && parts.contains(&7), "{parts:?}");
        for (n, _) in &halls {
            assert!(!parts.contains(n), "{n} is booked twice: {parts:?}");
        }
        assert_eq!(house.free(&hall).await[0], 0);
        house.bench.release(&format!("{}-cancel", hall.id), before.id).await.unwrap();
        assert_eq!((house.free(&hall).await[0], house.free(&part).await[0]), (1, 1));
        // Its retry finds its answer, though the slot takes other stocks now.
        let again = house.bench.make(&format!("{}-before", hall.id), &before).await.unwrap();
        assert!(again.replayed);
        assert!(!house.bench.oversold().await);
    }
});

on_both!(a_plan_of_before_the_division_is_refused, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for house in House::both(db, &redis).await {
        let hall = house.room().await;
        house.publish(&hall, &hours(1)).await.unwrap();
        let stale = house.plan(&format!("{}-stale", hall.id), &hall, 0, 1).await;
        let part = house.part_of(&hall).await;
        house.publish(&part, &hours(1)).await.unwrap();
        house.book(&format!("{}-part", hall.id), &part, 0, 1).await.unwrap();
        let refused = house.bench.make(&format!("{}-stale", hall.id), &stale).await;
        assert_eq!(code(refused), Some(Code::SlotClosed));
        assert_eq!(house.free(&hall).await, [0]);
    }
});

on_both!(a_shared_slot_has_its_seats_and_the_room_is_nobodys_alone, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for house in House::both(db, &redis).await {
        let room = house.room().await;
        let nine = Span::new(540, 600).unwrap();
        let long = Span::new(540, 660).unwrap();
        house.publish(&room, &[Offer::shared(nine, 5), long.into()]).await.unwrap();
        assert_eq!(house.free(&room).await, [5, 0]);
        assert_eq!(house.publish(&room, &[Offer::shared(nine, 5)]).await.unwrap().kept, 1);
        let key = |n: usize| format!("{}-{n}", room.id);
        assert_eq!(code(house.book(&key(0), &room, 1, 1).await), Some(Code::SoldOut));
        house.book(&key(1), &room, 0, 3).await.unwrap();
        assert_eq!(code(house.book(&key(2), &room, 0, 3).await), Some(Code::SoldOut));
        house.book(&key(3), &room, 0, 2).await.unwrap();
        assert_eq!(house.free(&room).await, [0, 0]);
        // Who has the room keeps it.
        let other = house.room().await;
        house.publish(&other, &[long.into()]).await.unwrap();
        house.book(&key(4), &other, 0, 1).await.unwrap();
        let refused = house.publish(&other, &[Offer::shared(nine, 5)]).await;
        assert_eq!(code(refused), Some(Code::SlotTaken));
        assert!(!house.bench.oversold().await);
    }
});

on_both!(the_list_shows_a_lapsed_hold_free_and_a_claim_succeeds, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for house in House::both(db, &redis).await {
        let room = house.room().await;
        house.publish(&room, &hours(1)).await.unwrap();
        let until = house.bench.env.now() + Time::minutes(10);
        let hold = house.plan(&format!("{}-hold", room.id), &room, 0, 1).await.expiring(until);
        house.bench.make(&format!("{}-hold", room.id), &hold).await.unwrap();
        assert_eq!(house.free(&room).await, [0]);
        house.clock.set(until);
        assert_eq!(house.free(&room).await, [1]);
        house.book(&format!("{}-next", room.id), &room, 0, 1).await.unwrap();
        let late = house.bench.confirm(&format!("{}-late", room.id), hold.id).await;
        assert_eq!(code(late), Some(Code::HoldLapsed));
        assert_eq!(house.free(&room).await, [0]);
    }
});
