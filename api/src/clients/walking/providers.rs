//! The routers, each in its own datum and words.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use linli_domain::geo::{Datum, Point};
use serde::Deserialize;
use serde_json::json;

use super::{WalkError, WalkingRouter};

/// AMap 高德, the distance service: many origins to one destination, so the way is asked backwards.
pub(super) struct Amap {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
    pub(super) key: String,
}

#[derive(Deserialize)]
struct AmapAnswer {
    status: String,
    #[serde(default)]
    info: String,
    #[serde(default)]
    results: Vec<AmapResult>,
}

#[derive(Deserialize)]
struct AmapResult {
    origin_id: String,
    distance: String,
}

#[async_trait]
impl WalkingRouter for Amap {
    fn name(&self) -> &'static str {
        "amap"
    }

    async fn metres(&self, from: Point, to: &[Point]) -> Result<Vec<Option<f64>>, WalkError> {
        // It takes 100 origins, as many as a page has items.
        let origins: Vec<_> = to.iter().map(|point| lng_lat(*point)).collect();
        let (origins, destination) = (origins.join("|"), lng_lat(from));
        let query =
            [("key", &*self.key), ("type", "3"), ("origins", &*origins), ("destination", &*destination)];
        let request = self.http.get(format!("{}/v3/distance", self.url)).query(&query);
        let answer: AmapAnswer = request.send().await?.error_for_status()?.json().await?;
        if answer.status != "1" {
            return Err(WalkError::Refused(answer.info));
        }
        let mut metres = vec![None; to.len()];
        for result in answer.results {
            let at = result.origin_id.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
            if let Some(place) = at.and_then(|at| metres.get_mut(at)) {
                *place = result.distance.parse().ok();
            }
        }
        Ok(metres)
    }
}

/// Tencent 腾讯, the distance matrix.
pub(super) struct Tencent {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
    pub(super) key: String,
}

/// Places it takes at once.
const TENCENT_PLACES: usize = 25;

#[derive(Deserialize)]
struct TencentAnswer {
    status: i64,
    #[serde(default)]
    message: String,
    result: Option<TencentResult>,
}

#[derive(Deserialize)]
struct TencentResult {
    rows: Vec<TencentRow>,
}

#[derive(Deserialize)]
struct TencentRow {
    elements: Vec<TencentElement>,
}

#[derive(Deserialize)]
struct TencentElement {
    distance: Option<f64>,
}

impl Tencent {
    async fn some(&self, from: &str, to: &[Point]) -> Result<Vec<Option<f64>>, WalkError> {
        let to: Vec<_> = to.iter().map(|point| lat_lng(*point)).collect();
        let to = to.join(";");
        let query = [("key", &*self.key), ("mode", "walking"), ("from", from), ("to", &*to)];
        let request = self.http.get(format!("{}/ws/distance/v1/matrix", self.url)).query(&query);
        let answer: TencentAnswer = request.send().await?.error_for_status()?.json().await?;
        let row =
            answer.result.filter(|_| answer.status == 0).and_then(|result| result.rows.into_iter().next());
        let row = row.ok_or(WalkError::Refused(answer.message))?;
        Ok(row.elements.into_iter().map(|element| element.distance).collect())
    }
}

#[async_trait]
impl WalkingRouter for Tencent {
    fn name(&self) -> &'static str {
        "tencent"
    }

    async fn metres(&self, from: Point, to: &[Point]) -> Result<Vec<Option<f64>>, WalkError> {
        let from = lat_lng(from);
        let parts = to.chunks(TENCENT_PLACES).map(|places| self.some(&from, places));
        Ok(try_join_all(parts).await?.concat())
    }
}

/// Valhalla, on one's own machine with OpenStreetMap data.
pub(super) struct Valhalla {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
}

#[derive(Deserialize)]
struct ValhallaAnswer {
    sources_to_targets: Vec<Vec<ValhallaCell>>,
}

#[derive(Deserialize)]
struct ValhallaCell {
    /// Kilometres; null where there is no way.
    distance: Option<f64>,
}

#[async_trait]
impl WalkingRouter for Valhalla {
    fn name(&self) -> &'static str {
        "valhalla"
    }

    async fn metres(&self, from: Point, to: &[Point]) -> Result<Vec<Option<f64>>, WalkError> {
        let place = |point: Point| json!({ "lat": point.lat(), "lon": point.lng() });
        let targets: Vec<_> = to.iter().map(|point| place(*point)).collect();
        let body = json!({ "sources": [place(from)], "targets": targets, "costing": "pedestrian", "units": "kilometers" });
        let request = self.http.post(format!("{}/sources_to_targets", self.url)).json(&body);
        let answer: ValhallaAnswer = request.send().await?.error_for_status()?.json().await?;
        let row = answer.sources_to_targets.into_iter().next();
        let row = row.ok_or_else(|| WalkError::Refused("no source in the answer".to_owned()))?;
        Ok(row.into_iter().map(|cell| cell.distance.map(|km| km * 1_000.0)).collect())
    }
}

fn lng_lat(point: Point) -> String {
    let (lat, lng) = point.in_datum(Datum::Gcj02);
    format!("{lng:.6},{lat:.6}")
}

fn lat_lng(point: Point) -> String {
    let (lat, lng) = point.in_datum(Datum::Gcj02);
    format!("{lat:.6},{lng:.6}")
}
