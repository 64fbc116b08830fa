use proptest::prelude::*;

use super::*;
use crate::{division::Divisions, geo::CHINA};

fn rules() -> Rules {
    Rules {
        datum: Some(Datum::Wgs84),
        bounds: CHINA,
        area: None,
        now: "2026-11-22T04:00:00Z".parse().unwrap(),
    }
}

fn cells(pairs: &[(&str, &str)]) -> Cells {
    let mut cells = Cells::new();
    for (heading, text) in pairs {
        cells.set(Column::of_heading(heading).unwrap(), *text);
    }
    cells
}

const LEAST: [(&str, &str); 4] =
    [("外部编号", "A-1"), ("名称", "采荷老年食堂"), ("服务领域", "社区助餐、养老"), ("地址", "采荷路1号")];

const FULL: [(&str, &str); 22] = [
    ("short_name", "采荷食堂"),
    ("aliases", "长者食堂; 饭堂"),
    ("summary", "一楼，\n含助餐"),
    ("status", "试运营"),
    ("division", "330102012"),
    ("lng", "120.1987"),
    ("lat", "30.2591"),
    ("accuracy_m", "15"),
    ("phones", "0571-87881234; 12345"),
    ("hours", "工作日 10:30-12:30; 2026-02-15..2026-02-23 休 (春节)"),
    ("services", "午餐|低偿|到店、上门|政府定价|两荤两素=12.50元/份"),
    ("accessibility", "电梯; step_free_entrance"),
    ("accessibility_absent", "盲道"),
    ("accessibility_note", "请按门铃"),
    ("languages", "普通话、wuu"),
    ("area_m2", "320.5"),
    ("build_kind", "住宅小区配建"),
    ("carrier_level", "社区"),
    ("operator", "示例公司"),
    ("operation_mode", "公建民营"),
    ("licences", "食品经营许可证|JY1|||2027-03-01; 卫生许可|W\\|"),
    ("verified_at", "2026-10-01"),
];

fn fields(refusal: &Refusal) -> Vec<&str> {
    refusal.errors.iter().map(|error| error.field.as_str()).collect()
}

#[test]
fn a_full_row_is_read_and_written_back() {
    let row = Row::read(&cells(&[&LEAST[..], &FULL[..]].concat()), &rules()).unwrap();
    let data = row.facility.data();
    assert_eq!(data.categories, [Category::CommunityDining, Category::ElderlyCare]);
    assert_eq!(data.division.as_deref(), Some("330102012000"));
    assert_eq!(data.location.unwrap().accuracy_m, Some(15));
    assert_eq!(data.licences[1].number, "W|");
    assert_eq!(row.status, Some(FacilityStatus::Trial));

    let written = write("roll", &row.external_id, FacilityStatus::Trial, &row.facility);
    let again = Row::read(&written, &Rules { datum: None, ..rules() }).unwrap();
    assert_eq!((&again.facility, again.source.as_deref()), (&row.facility, Some("roll")));
    assert_eq!(write("roll", &again.external_id, FacilityStatus::Trial, &again.facility), written);
}

#[test]
fn the_least_row_has_no_status_and_no_point() {
    let row = Row::read(&cells(&LEAST), &rules()).unwrap();
    assert_eq!((row.status, row.facility.data().location), (None, None));
    assert!(row.facility.data().hours.is_empty());
}

#[test]
fn everything_wrong_is_named_by_its_column_at_once() {
    let row = cells(&[
        ("external_id", "A-1"),
        ("name", "堂"),
        ("categories", "养老、美食"),
        ("address", ""),
        ("status", "营业"),
        ("division", "33"),
        ("lng", "120.1987"),
        ("phones", "12345; 电话"),
        ("hours", "工作日 10:30-12:30; 周末"),
        ("services", "午餐|便宜"),
        ("area_m2", "很大"),
        ("licences", "食品经营许可证"),
        ("verified_at", "2027-10-01"),
        ("other_ids", "项目库"),
    ]);
    let refusal = Row::read(&row, &Rules { area: Some("3301".parse().unwrap()), ..rules() }).unwrap_err();
    let expected = [
        "address",
        "status",
        "categories[1]",
        "division",
        "lat",
        "phones[1]",
        "hours[1]",
        "services[0]",
        "area_m2",
        "licences[0]",
        "other_ids[0]",
        "name",
        "verified_at",
    ];
    assert_eq!(fields(&refusal), expected);
}

#[test]
fn misplaced_points_are_told_apart() {
    let bounds = Divisions::shipped().bounds("330102".parse().unwrap()).unwrap();
    let rules = Rules { bounds, datum: None, ..rules() };
    let code = |lng: &str, lat: &str, datum: &str| {
        let place = [("lng", lng), ("lat", lat), ("datum", datum)];
        let row = Row::read(&cells(&[&LEAST[..], &place[..]].concat()), &rules);
        row.map_or_else(|refusal| refusal.errors[0].code, |_| "ok")
    };
    assert_eq!(code("120.2", "30.26", "gcj02"), "ok");
    assert_eq!(code("30.26", "120.2", "wgs84"), "coordinate_swapped");
    assert_eq!(code("116.4", "39.9", "wgs84"), "coordinate_out_of_area");
    assert_eq!(code("500", "39.9", "wgs84"), "coordinate_invalid");
    assert_eq!(code("NaN", "39.9", "wgs84"), "coordinate_invalid");
    assert_eq!(code("120.2", "30.26", ""), "datum_required");
    assert_eq!(code("120.2", "30.26", "wgs72"), "not_understood");
    assert_eq!(code("一百二", "30.26", "wgs84"), "number");
}

#[test]
fn a_missing_column_leaves_alone_what_is_known_and_an_empty_one_clears_it() {
    let known = Row::read(&cells(&[&LEAST[..], &FULL[..]].concat()), &rules()).unwrap().facility;
    let mut few = cells(&LEAST);
    few.set(Column::Address, "采荷路2号");
    few.set(Column::Operator, "");
    let row = Row::read(&few, &rules()).unwrap();
    let after = row.over(&known, rules().now).unwrap();
    assert_eq!(after.changed_fields(&known), ["address", "operator"]);
}

proptest! {
    #[test]
    fn no_cell_makes_it_panic(column in prop::sample::select(Column::ALL), text in ".{0,60}") {
        let mut row = cells(&LEAST);
        row.set(column, text);
        let _ = Row::read(&row, &rules());
    }
}
