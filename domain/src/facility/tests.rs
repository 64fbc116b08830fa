use super::*;
use crate::{Code, Vocabulary};

fn now() -> DateTime<Utc> {
    "2026-11-22T04:00:00Z".parse().unwrap()
}

fn canteen() -> FacilityData {
    let mut data = FacilityData::new("采荷街道老年食堂", Category::CommunityDining, "采荷路1号");
    data.aliases = vec![" 长者食堂 ".into()];
    data.services = vec![Service {
        name: "午餐".into(),
        category: Category::CommunityDining,
        fee: FeeKind::LowCost,
        pricing: Some(Pricing::Government),
        modes: [ServiceMode::OnSite, ServiceMode::HomeVisit].into_iter().collect(),
        prices: vec![Price { item: "两荤两素".into(), amount_fen: 1200, unit: "份".into() }],
    }];
    data.location = Some(Location {
        point: Point::parse(30.25, 120.2, Datum::Gcj02).unwrap(),
        source_datum: Datum::Gcj02,
        accuracy_m: Some(20),
    });
    data.licences = vec![Licence {
        kind: "食品经营许可证".into(),
        number: "JY23301".into(),
        issuer: None,
        valid_from: None,
        valid_to: Some("2027-03-01".parse().unwrap()),
    }];
    data
}

fn fields(data: FacilityData) -> Vec<String> {
    let refusal = Facility::new(data, now()).unwrap_err();
    assert_eq!(refusal.code, Code::InvalidInput);
    refusal.errors.into_iter().map(|error| error.field).collect()
}

#[test]
fn good_data_is_accepted_trimmed_and_comes_back_from_json() {
    let facility = Facility::new(canteen(), now()).unwrap();
    assert_eq!(facility.data().aliases, ["长者食堂"]);
    assert_eq!(facility.licence_expires_on(), Some("2027-03-01".parse().unwrap()));
    let json = serde_json::to_string(facility.data()).unwrap();
    assert_eq!(&serde_json::from_str::<FacilityData>(&json).unwrap(), facility.data());
    assert!(serde_json::from_str::<FacilityData>(&json.replace("\"name\"", "\"nom\":1,\"name\"")).is_err());
}

#[test]
fn everything_wrong_is_named_at_once() {
    let mut data = canteen();
    data.name = "堂".into();
    data.aliases.push("\u{7}钟".into());
    data.categories.push(Category::CommunityDining);
    data.services[0].fee = FeeKind::Free;
    data.services[0].modes = WordSet::EMPTY;
    data.area_m2 = Some(f64::NAN);
    data.division = Some("330102".into());
    data.verified_at = Some("2027-01-01T00:00:00Z".parse().unwrap());
    data.licences[0].valid_from = Some("2028-01-01".parse().unwrap());
    assert_eq!(
        fields(data),
        [
            "name",
            "aliases[1]",
            "categories[1]",
            "division",
            "area_m2",
            "services[0].modes",
            "services[0].prices[0].amount_fen",
            "licences[0].valid_to",
            "verified_at"
        ]
    );
}

#[test]
fn a_feature_is_not_both_there_and_missing() {
    let mut data = canteen();
    data.accessibility.present.insert(AccessFeature::Lift);
    data.accessibility.absent.insert(AccessFeature::Lift);
    assert_eq!(fields(data), ["accessibility.absent"]);
}

#[test]
fn limits_hold() {
    let mut data = canteen();
    data.services = vec![data.services[0].clone(); 51];
    data.aliases = vec!["别名".into(); 21];
    assert_eq!(fields(data), ["aliases", "services"]);
}

#[test]
fn the_history_names_fields_and_no_contents() {
    let before = Facility::new(canteen(), now()).unwrap();
    let mut data = canteen();
    data.address = "采荷路2号".into();
    data.area_m2 = Some(320.5);
    let after = Facility::new(data, now()).unwrap();
    assert_eq!(after.changed_fields(&before), ["address", "area_m2"]);
}

#[test]
fn service_numbers_are_read_as_people_write_them() {
    for (text, normal) in
        [("12345", "12345"), ("400-820 8820", "4008208820"), ("(0571) 8788 1234", "0571-87881234")]
    {
        assert_eq!(ServicePhone::parse(text).unwrap().as_str(), normal);
    }
    for bad in ["", "110a", "87881234", "no phone", "1234567"] {
        assert!(ServicePhone::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_status_moves_only_along_its_table() {
    use FacilityStatus::{Closed, Open, Planned, Suspended, Trial};
    let table = [
        (Planned, vec![Trial, Open, Closed]),
        (Trial, vec![Open, Suspended, Closed]),
        (Open, vec![Trial, Suspended, Closed]),
        (Suspended, vec![Trial, Open, Closed]),
        (Closed, vec![]),
    ];
    for (from, to) in table {
        for next in FacilityStatus::ALL {
            assert_eq!(from.to(*next).is_ok(), from == *next || to.contains(next), "{from} to {next}");
        }
    }
}

#[test]
fn a_report_ends_with_an_answer() {
    assert_eq!(ReportState::Open.to(ReportState::Corrected, None).unwrap_err().errors[0].field, "answer");
    assert!(ReportState::Open.to(ReportState::Corrected, Some("已更正")).is_ok());
    assert!(ReportState::Checking.to(ReportState::Open, None).is_ok());
    for state in ReportState::ALL {
        let moved = ReportState::Unfounded.to(*state, Some("x")).unwrap_err();
        assert_eq!(moved.code, Code::ReportStateInvalid);
    }
    assert!(ReportDraft { kind: ReportKind::Other, text: Some(" ".into()) }.accept().is_err());
}

#[test]
fn a_notice_is_shown_on_its_dates() {
    let notice = Notice {
        kind: NoticeKind::Closure,
        title: " 停水 ".into(),
        body: String::new(),
        shown_from: "2026-11-22".parse().unwrap(),
        shown_to: "2026-11-23".parse().unwrap(),
    };
    let notice = notice.accept().unwrap();
    assert_eq!(notice.title, "停水");
    assert!(notice.current("2026-11-23".parse().unwrap()) && !notice.current("2026-11-24".parse().unwrap()));
    let backwards = Notice { shown_to: "2026-11-21".parse().unwrap(), ..notice };
    assert_eq!(backwards.accept().unwrap_err().errors[0].field, "shown_to");
}
