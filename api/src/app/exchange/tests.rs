use linli_domain::{Vocabulary, import::Column};

use super::*;

/// Every record with its line, or the line and code of what is wrong with the file.
fn records(format: Format, bytes: &[u8]) -> Result<Vec<(u64, Cells)>, (u64, &'static str)> {
    let mut records = Vec::new();
    let result = read(format, bytes, |line, cells| {
        records.push((line, cells));
        Go::Continue(())
    });
    match result {
        Ok(()) => Ok(records),
        Err(FileError::Wrong { line, code, .. }) => Err((line, code)),
        Err(FileError::Io(error)) => panic!("{error}"),
    }
}

const HEADINGS: &str = "外部编号,名称,categories,地址";

fn csv_of(rows: &str) -> Vec<u8> {
    format!("{HEADINGS}\n{rows}").into_bytes()
}

#[test]
fn a_spreadsheets_csv_is_read_with_its_mark_and_its_lines() {
    let text = format!(
        "\u{FEFF}{HEADINGS},#备注\r\n1,\"两\n行\",养老,甲路1号,x\r\n,,,,\r\n'=2,乙,养老,乙路2号,\r\n"
    );
    let records = records(Format::Csv, text.as_bytes()).unwrap();
    let lines: Vec<_> = records.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 5], "line of the beginning; a row of commas is no row");
    assert_eq!(records[0].1.get(Column::Name), "两\n行");
    assert_eq!(records[1].1.get(Column::ExternalId), "=2");
    assert!(!records[0].1.has(Column::Hours));
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let csv = |bytes: &[u8]| records(Format::Csv, bytes).unwrap_err();
    assert_eq!(csv(b""), (0, "empty"));
    assert_eq!(csv(b"\xFF\xFEx\0"), (0, "encoding_utf16"));
    // 名称 and 养老 in GBK.
    assert_eq!(csv(b"external_id,\xC3\xFB\xB3\xC6\n"), (1, "encoding_gbk"));
    assert_eq!(csv(&[&csv_of("")[..], b"1,\xD1\xF8\xC0\xCF,x,y\n"].concat()), (2, "encoding_gbk"));
    assert_eq!(csv(&[&csv_of("")[..], b"1,\xFF\xFF,x,y\n"].concat()), (2, "encoding_unknown"));
    assert_eq!(csv(b"external_id,name,categories\n"), (1, "heading_missing"));
    assert_eq!(csv("外部编号,名称,名称,categories,地址\n".as_bytes()), (1, "heading_repeated"));
    assert_eq!(csv(format!("{HEADINGS},opening\n").as_bytes()), (1, "heading_unknown"));
    assert_eq!(csv(&csv_of("1,甲,养老,甲路,多\n")), (2, "too_many_cells"));
    assert_eq!(csv(&csv_of(&format!("1,\"{}", "长\n".repeat(200_000)))), (2, "record_too_long"));
}

#[test]
fn geojson_is_read_feature_by_feature() {
    let text = r#"{"name":{"x":1},"type":"FeatureCollection","features":[
        {"type":"Feature","geometry":{"type":"Point","coordinates":[120.1987,30.2591]},
         "properties":{"external_id":7,"aliases":["甲","乙"],"hours":null,"whatever":{"a":1}}},
        {"type":"Feature","geometry":{"type":"Polygon","coordinates":[]},"properties":{"name":{}}},
        {"type":"Feature","geometry":null,"properties":{"名称":"丙"}}]}"#;
    let records = records(Format::Geojson, text.as_bytes()).unwrap();
    let lines: Vec<_> = records.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 5]);
    let first = &records[0].1;
    assert_eq!((first.get(Column::Lng), first.get(Column::Lat)), ("120.1987", "30.2591"));
    assert_eq!((first.get(Column::ExternalId), first.get(Column::Aliases)), ("7", "甲; 乙"));
    assert!(first.has(Column::Hours) && !first.has(Column::Phones));
    assert_eq!((records[1].1.get(Column::Lng), records[1].1.get(Column::Name)), ("?", "{}"));
    assert!(!records[2].1.has(Column::Lng));
}

#[test]
fn what_is_no_geojson_is_told_with_its_line() {
    let wrong = |text: &str| records(Format::Geojson, text.as_bytes()).unwrap_err();
    for text in ["", "[]", "{\"type\":\"Feature\"}", "{\"type\":\"FeatureCollection\"}"] {
        assert_eq!(wrong(text), (1, "geojson"), "{text}");
    }
    assert_eq!(wrong("{\"type\":\"FeatureCollection\",\n\"features\":[\n{]}"), (3, "geojson"));
}

#[test]
fn cells_survive_both_formats_and_no_cell_is_a_formula() {
    let mut cells = Cells::new();
    for column in Column::ALL {
        cells.set(*column, "");
    }
    for (column, text) in [
        (Column::ExternalId, "=HYPERLINK(1)"),
        (Column::Name, "'=1"),
        (Column::Address, "+86 \"甲\",\n乙"),
        (Column::Summary, "'quoted'"),
        (Column::Lng, "120.5"),
        (Column::Lat, "30.25"),
    ] {
        cells.set(column, text);
    }
    let page = csv::page([cells.clone()].into_iter(), true).unwrap();
    let text = String::from_utf8(page.clone()).unwrap();
    assert!(text.contains("'=HYPERLINK") && text.contains("''=1") && !text.contains(",="));
    assert_eq!(records(Format::Csv, &page).unwrap(), [(2, cells.clone())]);

    let pages = [
        geojson::page([cells.clone()].into_iter(), true, false).unwrap(),
        geojson::page([cells.clone()].into_iter(), false, true).unwrap(),
    ];
    assert_eq!(records(Format::Geojson, &pages.concat()).unwrap(), [(2, cells.clone()), (3, cells)]);
    let none = geojson::page(std::iter::empty(), true, true).unwrap();
    assert_eq!(records(Format::Geojson, &none).unwrap(), []);
}
