//! Made-up documents for tests and benches: a city that never was.

use std::sync::{Arc, LazyLock};

use linli_domain::{
    Vocabulary,
    calendar::DayKind,
    facility::{AccessFeature, CarrierLevel, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::Point,
    hours::{Hours, Rule, Schedule},
};
use uuid::Uuid;

use crate::document::{FacilityDocument, ServiceDocument};

/// The middle of the city.
pub const CENTRE: (f64, f64) = (30.25, 120.17);

const PLACES: [&str; 12] =
    ["采荷", "凯旋", "清波", "小营", "望江", "湖滨", "四季青", "九堡", "彭埠", "笕桥", "丁兰", "闸弄口"];

const KINDS: [(&str, &str, Category); 12] = [
    ("老年食堂", "助餐", Category::CommunityDining),
    ("居家养老服务中心", "日间照料", Category::ElderlyCare),
    ("托育园", "全日托", Category::Childcare),
    ("智慧健康站", "量血压", Category::Health),
    ("羽毛球馆", "羽毛球", Category::Sports),
    ("文化家园", "舞蹈", Category::Culture),
    ("儿童乐园", "儿童游憩", Category::ChildrenPlay),
    ("党群服务中心", "政务代办", Category::Government),
    ("邻里坊", "便民维修", Category::CommunityService),
    ("便民服务点", "理发", Category::HomeServices),
    ("快递驿站", "取件", Category::Parcel),
    ("暑托班", "课后托管", Category::AfterSchool),
];

/// A small deterministic generator, so that no clock or seed is needed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// A generator.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `below`.
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// A number between -1 and 1.
    #[expect(clippy::cast_precision_loss, reason = "below 2^20")]
    pub fn spread(&mut self) -> f64 {
        self.next(1 << 20) as f64 / f64::from(1 << 19) - 1.0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.next(of.len() as u64)).unwrap_or(0);
        of[at]
    }
}

static SCHEDULES: LazyLock<Vec<Arc<Schedule>>> = LazyLock::new(|| {
    let hours = |kinds: &[DayKind], spans: &[&str]| {
        let spans = spans.iter().map(|span| span.parse().expect("a span")).collect();
        let rule = Rule { kinds: kinds.iter().copied().collect(), spans, ..Rule::default() };
        Arc::new(Schedule::new(Hours { rules: vec![rule], ..Hours::default() }).expect("hours"))
    };
    vec![
        Arc::new(Schedule::default()),
        hours(&[DayKind::Workday], &["09:00-12:00", "13:00-17:00"]),
        hours(DayKind::ALL, &["08:00-20:00"]),
        hours(&[DayKind::Workday, DayKind::Weekend], &["10:30-13:00"]),
        hours(DayKind::ALL, &["18:00-02:00"]),
    ]
});

/// The `n`th facility of the city, within `degrees` of its centre.
pub fn facility(n: u32, degrees: f64, dice: &mut Dice) -> FacilityDocument {
    let (kind, service, category) = dice.pick(&KINDS);
    let place = dice.pick(&PLACES);
    let point = Point::wgs84(CENTRE.0 + dice.spread() * degrees, CENTRE.1 + dice.spread() * degrees);
    let features = AccessFeature::ALL.iter().copied().filter(|_| dice.next(4) == 0).collect();
    FacilityDocument {
        id: Uuid::from_u128(u128::from(n) + 1).into(),
        version: 1,
        name: format!("{place}街道第{n}社区{kind}"),
        short_name: Some(format!("{place}{kind}")),
        aliases: Vec::new(),
        categories: vec![category],
        services: vec![ServiceDocument {
            name: service.to_owned(),
            category,
            fee: dice.pick(FeeKind::ALL),
            modes: [dice.pick(ServiceMode::ALL)].into_iter().collect(),
        }],
        point: point.filter(|_| n % 97 != 96),
        address: format!("{place}路{}号", n % 500),
        divisions: vec!["上城区".to_owned(), format!("{place}街道"), format!("第{n}社区")],
        accessibility: features,
        carrier_level: Some(dice.pick(CarrierLevel::ALL)),
        status: if n % 50 == 49 { FacilityStatus::Suspended } else { FacilityStatus::Open },
        schedule: SCHEDULES[usize::try_from(dice.next(SCHEDULES.len() as u64)).unwrap_or(0)].clone(),
        phone: Some(format!("0571-8{n:07}")),
    }
}

/// A city of so many facilities.
pub fn city(count: u32, degrees: f64) -> Vec<FacilityDocument> {
    let mut dice = Dice::new(42);
    (0..count).map(|n| facility(n, degrees, &mut dice)).collect()
}
