//! Residents and staff over HTTP. What a resident sends and hears is written down.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    history::{Call, Op, Outcome, Recorder},
    world::{AtRest, Kept, World},
};

/// What goes wrong around the requests that are judged.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A resident with a token.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their number in the history.
    pub id: u32,
    /// Their bearer token.
    pub token: String,
}

/// A booking that somebody wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The server to ask.
    pub base: String,
    /// Who wants it.
    pub person: Person,
    /// Their idempotency key.
    pub key: String,
    /// The room.
    pub room: String,
    /// Its slots.
    pub slots: Vec<String>,
}

/// One HTTP client for all residents, and what they saw.
#[derive(Clone, Debug)]
pub struct Crowd {
    http: reqwest::Client,
    /// The history.
    pub seen: Arc<Recorder>,
    /// Ids of residents, as answers tell them.
    residents: Arc<Mutex<HashMap<String, u32>>>,
}

impl Crowd {
    /// Nobody has asked for anything yet.
    pub fn new() -> Result<Self, Failure> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, seen: Arc::default(), residents: Arc::default() })
    }

    /// Books. Who stops listening when `gives_up` ends does not know what came of it.
    pub async fn create(&self, wish: &Wish, gives_up: impl Future<Output = ()>) -> Outcome {
        let body = json!({ "room_id": wish.room, "slot_ids": wish.slots, "party_size": 2 });
        let op = Op::Create { slots: wish.slots.clone() };
        let url = format!("{}/v1/bookings", wish.base);
        self.send(&url, &wish.person, &wish.key, (op, &body), gives_up).await
    }

    /// Everybody at once, each until there is an answer, in the order of the wishes.
    pub async fn rush(&self, wishes: Vec<Wish>) -> Vec<Outcome> {
        let ask = |wish: Wish| {
            let crowd = self.clone();
            tokio::spawn(async move { crowd.create(&wish, patience(RUSH_PATIENCE)).await })
        };
        let asked: Vec<_> = wishes.into_iter().map(ask).collect();
        let mut outcomes = Vec::with_capacity(asked.len());
        for answer in asked {
            outcomes.push(answer.await.unwrap_or(Outcome::Unknown));
        }
        outcomes
    }

    /// Gives a booking back.
    pub async fn cancel(
        &self,
        base: &str,
        person: &Person,
        key: &str,
        booking: &str,
        gives_up: impl Future<Output = ()>,
    ) -> Outcome {
        let op = Op::Cancel { booking: booking.to_owned() };
        let url = format!("{base}/v1/bookings/{booking}/cancel");
        self.send(&url, person, key, (op, &json!({})), gives_up).await
    }

    /// The number of a resident that an answer has named.
    pub fn number_of(&self, resident: &str) -> Option<u32> {
        self.residents.lock().unwrap_or_else(PoisonError::into_inner).get(resident).copied()
    }

    async fn send(
        &self,
        url: &str,
        person: &Person,
        key: &str,
        (op, body): (Op, &Value),
        gives_up: impl Future<Output = ()>,
    ) -> Outcome {
        let request =
            self.http.post(url).bearer_auth(&person.token).header("Idempotency-Key", key).json(body);
        let began = self.seen.now();
        let heard = tokio::select! {
            heard = hear(request.send()) => Some(heard),
            () = gives_up => None,
        };
        let ended = self.seen.now();
        let (outcome, resident) = match heard {
            Some(Heard::Answer(outcome, resident)) => (outcome, resident),
            // Nothing was sent: there is nothing to write down.
            Some(Heard::Nobody) => return Outcome::Unknown,
            Some(Heard::Nothing) | None => (Outcome::Unknown, None),
        };
        if let Some(resident) = resident {
            self.residents.lock().unwrap_or_else(PoisonError::into_inner).insert(resident, person.id);
        }
        let key = key.to_owned();
        self.seen.record(Call { client: person.id, key, op, began, ended, outcome: outcome.clone() });
        outcome
    }
}

/// How long someone in a rush waits.
const RUSH_PATIENCE: Duration = Duration::from_mins(1);

/// Gives up after so long.
pub async fn patience(limit: Duration) {
    tokio::time::sleep(limit).await;
}

/// What came back.
enum Heard {
    /// An outcome, and whom it is for.
    Answer(Outcome, Option<String>),
    /// The connection ended before the answer was whole.
    Nothing,
    /// There was no connection at all.
    Nobody,
}

async fn hear(answer: impl Future<Output = reqwest::Result<Response>>) -> Heard {
    let response = match answer.await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Heard::Nobody,
        Err(_) => return Heard::Nothing,
    };
    let status = response.status().as_u16();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    let Ok(body) = response.bytes().await else { return Heard::Nothing };
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let outcome = match status {
        200 | 201 => Outcome::Done { booking: text("id"), replayed },
        400..500 => Outcome::Refused { code: text("code") },
        _ => Outcome::Failed { status, code: text("code") },
    };
    Heard::Answer(outcome, body["resident_id"].as_str().map(str::to_owned))
}

/// The staff of a facility: they make what is booked and see everything that was.
#[derive(Clone, Debug)]
pub struct Office {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// A slot as residents see it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its id.
    pub id: String,
    /// Units that are free.
    pub free: usize,
}

impl Office {
    /// Works at this server with this token.
    pub fn new(base: &str, token: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base: base.to_owned(), token: token.to_owned() })
    }

    /// The same at another server.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// A facility of the city; returns its id.
    pub async fn facility(&self, name: &str) -> Result<String, Failure> {
        let organisations = self.call(Method::GET, "/staff/v1/organisations", None).await?;
        let city = organisations["items"][0]["id"].clone();
        let body = json!({ "organisation_id": city, "external_id": name, "profile": {
            "name": name, "categories": ["culture"], "address": "采荷路1号",
            "location": { "lat": 30.2567, "lng": 120.2238, "coord": "gcj02", "accuracy_m": 10 },
            "hours": { "rules": [{ "kinds": ["workday"], "spans": [{ "opens": "08:00", "closes": "22:00" }] }] } } });
        Ok(id_of(&self.call(Method::POST, "/staff/v1/facilities", Some(&body)).await?))
    }

    /// A room on a grid of half hours; returns its id.
    pub async fn room(&self, facility: &str, name: &str) -> Result<String, Failure> {
        let body = json!({ "facility_id": facility, "name": name, "max_party_size": 30 });
        Ok(id_of(&self.call(Method::POST, "/staff/v1/rooms", Some(&body)).await?))
    }

    /// Publishes a day with slots from minute to minute, writes them into the world, and returns their
    /// ids in the same order.
    pub async fn open(
        &self,
        world: &mut World,
        room: &str,
        date: &str,
        times: &[(u32, u32)],
    ) -> Result<Vec<String>, Failure> {
        let slots: Vec<_> =
            times.iter().map(|(from, to)| json!({ "starts": clock(*from), "ends": clock(*to) })).collect();
        let body = json!({ "date": date, "slots": slots });
        self.call(Method::POST, &format!("/staff/v1/rooms/{room}/publish"), Some(&body)).await?;
        let listed = self.slots(room, date).await?;
        let mut ordered: Vec<usize> = (0..times.len()).collect();
        ordered.sort_by_key(|at| times[*at]);
        let mut ids = vec![String::new(); times.len()];
        for (slot, at) in listed.iter().zip(&ordered) {
            world.room_time(&slot.id, &[room], date, times[*at]);
            ids[*at].clone_from(&slot.id);
        }
        if listed.len() == times.len() {
            Ok(ids)
        } else {
            Err("other slots are there than were published".into())
        }
    }

    /// Publishes a day with slots that so many share; returns their ids in the order of their times.
    pub async fn open_shared(
        &self,
        room: &str,
        date: &str,
        times: &[(u32, u32)],
        seats: u32,
    ) -> Result<Vec<String>, Failure> {
        let slot =
            |&(from, to): &(u32, u32)| json!({ "starts": clock(from), "ends": clock(to), "seats": seats });
        let body = json!({ "date": date, "slots": times.iter().map(slot).collect::<Vec<_>>() });
        self.call(Method::POST, &format!("/staff/v1/rooms/{room}/publish"), Some(&body)).await?;
        Ok(self.slots(room, date).await?.into_iter().map(|slot| slot.id).collect())
    }

    /// The slots of a day in the order of their times.
    pub async fn slots(&self, room: &str, date: &str) -> Result<Vec<Slot>, Failure> {
        let path = format!("/v1/rooms/{room}/slots?from={date}&to={date}");
        let list = self.call(Method::GET, &path, None).await?;
        let mut items: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
        items.sort_by_key(|slot| (slot["starts_at"].as_str(), slot["ends_at"].as_str()));
        let read = |slot: &Value| Slot {
            id: slot["id"].as_str().unwrap_or_default().to_owned(),
            free: slot["free"].as_u64().and_then(|free| usize::try_from(free).ok()).unwrap_or(usize::MAX),
        };
        Ok(items.into_iter().map(read).collect())
    }

    /// Everything that is booked in these rooms on a day, and what their lists call free.
    ///
    /// `client` knows the residents of the run by their ids.
    pub async fn at_rest(
        &self,
        rooms: &[String],
        date: &str,
        client: impl Fn(&str) -> Option<u32>,
    ) -> Result<AtRest, Failure> {
        // What one server did shows in the lists of another within a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut rest = AtRest::default();
        for room in rooms {
            rest.free.extend(self.slots(room, date).await?.into_iter().map(|slot| (slot.id, slot.free)));
            let mut cursor = String::new();
            loop {
                let path = format!("/staff/v1/rooms/{room}/bookings?from={date}&to={date}&limit=100{cursor}");
                let page = self.call(Method::GET, &path, None).await?;
                rest.bookings
                    .extend(page["items"].as_array().into_iter().flatten().map(|row| kept(row, &client)));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
        }
        Ok(rest)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        // The public reads where anybody may, and would refuse a token that is not a resident's.
        if path.starts_with("/staff/") {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            // What is made by name is made once.
            request = request.header("Idempotency-Key", format!("{:x}", digest(&(path, body)))).json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn digest(what: &(&str, &Value)) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (what.0, what.1.to_string()).hash(&mut hasher);
    hasher.finish()
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_default().to_owned()
}

fn kept(row: &Value, client: impl Fn(&str) -> Option<u32>) -> Kept {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let slots = row["slot_ids"].as_array().into_iter().flatten();
    Kept {
        id: text("id").to_owned(),
        client: client(text("resident_id")),
        slots: slots.filter_map(|slot| slot.as_str().map(str::to_owned)).collect(),
        live: matches!(text("state"), "confirmed" | "pending_payment" | "pending_approval"),
    }
}
