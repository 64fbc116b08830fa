//! The rules facility data must pass, and what differs between two versions.

use chrono::{DateTime, Utc};

use super::{FacilityData, FeeKind, Licence, Service};
use crate::{FieldErrors, Refusal, division::DivisionCode};

const MAX_ALIASES: usize = 20;
const MAX_CATEGORIES: usize = 6;
const MAX_SERVICES: usize = 50;
const MAX_PRICES: usize = 40;
/// A hundred thousand yuan: above that it is a typing mistake.
const MAX_PRICE_FEN: i64 = 10_000_000;
const MAX_PHONES: usize = 8;
const MAX_LICENCES: usize = 20;
const MAX_EXTERNAL_IDS: usize = 10;
const MAX_AREA_M2: f64 = 1_000_000.0;
const MAX_ACCURACY_M: u32 = 5_000;

/// Trims the data and checks every rule.
pub(super) fn accept(mut data: FacilityData, now: DateTime<Utc>) -> Result<FacilityData, Refusal> {
    trim(&mut data);
    let mut errors = FieldErrors::new();
    errors.require(
        data.version == 1,
        "version",
        "unsupported",
        "不支持的数据版本",
        "This version is not supported.",
    );
    check_names(&data, &mut errors);
    check_place(&data, &mut errors);
    check_count("services", data.services.len(), 0, MAX_SERVICES, &mut errors);
    for (i, service) in data.services.iter().take(MAX_SERVICES).enumerate() {
        check_service(service, &format!("services[{i}]"), &mut errors);
    }
    check_count("licences", data.licences.len(), 0, MAX_LICENCES, &mut errors);
    for (i, licence) in data.licences.iter().take(MAX_LICENCES).enumerate() {
        check_licence(licence, &format!("licences[{i}]"), &mut errors);
    }
    check_count("external_ids", data.external_ids.len(), 0, MAX_EXTERNAL_IDS, &mut errors);
    for (i, id) in data.external_ids.iter().take(MAX_EXTERNAL_IDS).enumerate() {
        check_text(&format!("external_ids[{i}].system"), &id.system, 1, 40, &mut errors);
        check_text(&format!("external_ids[{i}].id"), &id.id, 1, 100, &mut errors);
    }
    let verified = data.verified_at.is_none_or(|at| at <= now);
    errors.require(
        verified,
        "verified_at",
        "future",
        "核实时间不能晚于现在",
        "It cannot have been verified in the future.",
    );
    errors.finish().map(|()| data)
}

/// Names of the fields that differ.
pub(super) fn changed_fields(before: &FacilityData, after: &FacilityData) -> Vec<&'static str> {
    macro_rules! differing {
        ($($field:ident),+ $(,)?) => {{
            // Taking the whole apart makes a forgotten field a compile error.
            let FacilityData { version: _, $($field),+ } = after;
            [$((stringify!($field), *$field != before.$field)),+]
        }};
    }
    let compared = differing!(
        name,
        short_name,
        aliases,
        summary,
        categories,
        services,
        address,
        division,
        location,
        phones,
        hours,
        accessibility,
        languages,
        area_m2,
        build_kind,
        carrier_level,
        operator,
        operation_mode,
        licences,
        verified_at,
        external_ids,
    );
    compared.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
}

fn trim(data: &mut FacilityData) {
    let texts = [&mut data.name, &mut data.address].into_iter().chain(&mut data.aliases);
    let services = data.services.iter_mut().flat_map(|service| {
        let prices = service.prices.iter_mut().flat_map(|price| [&mut price.item, &mut price.unit]);
        std::iter::once(&mut service.name).chain(prices)
    });
    let licences = data.licences.iter_mut().flat_map(|licence| [&mut licence.kind, &mut licence.number]);
    for text in texts.chain(services).chain(licences) {
        let trimmed = text.trim();
        if trimmed.len() != text.len() {
            *text = trimmed.to_owned();
        }
    }
    let optional =
        [&mut data.short_name, &mut data.summary, &mut data.operator, &mut data.accessibility.note];
    for text in optional {
        // A blank form field says nothing.
        *text = text.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    }
}

fn check_names(data: &FacilityData, errors: &mut FieldErrors) {
    check_text("name", &data.name, 2, 80, errors);
    check_optional("short_name", data.short_name.as_deref(), 30, errors);
    check_optional("summary", data.summary.as_deref(), 1000, errors);
    check_optional("operator", data.operator.as_deref(), 100, errors);
    check_optional("accessibility.note", data.accessibility.note.as_deref(), 300, errors);
    check_count("aliases", data.aliases.len(), 0, MAX_ALIASES, errors);
    for (i, alias) in data.aliases.iter().take(MAX_ALIASES).enumerate() {
        check_text(&format!("aliases[{i}]"), alias, 1, 60, errors);
    }
    check_count("categories", data.categories.len(), 1, MAX_CATEGORIES, errors);
    let repeated =
        data.categories.iter().enumerate().find(|(i, category)| data.categories[..*i].contains(category));
    if let Some((i, _)) = repeated {
        errors.add(format!("categories[{i}]"), "repeated", "服务领域重复", "The category stands twice.");
    }
    let access = &data.accessibility;
    let both = access.present.iter().any(|feature| access.absent.contains(feature));
    errors.require(
        !both,
        "accessibility.absent",
        "contradiction",
        "同一设施不能既有又无",
        "A feature cannot be there and missing.",
    );
}

fn check_place(data: &FacilityData, errors: &mut FieldErrors) {
    check_text("address", &data.address, 2, 200, errors);
    let division =
        data.division.as_deref().is_none_or(|code| code.len() == 12 && code.parse::<DivisionCode>().is_ok());
    errors.require(
        division,
        "division",
        "division",
        "行政区划代码应为12位",
        "A division code has 12 digits.",
    );
    let accuracy = data.location.and_then(|location| location.accuracy_m).is_none_or(|m| m <= MAX_ACCURACY_M);
    errors.require(
        accuracy,
        "location.accuracy_m",
        "out_of_range",
        "定位精度超出范围",
        "The accuracy is out of range.",
    );
    // NaN is in no range.
    let area = data.area_m2.is_none_or(|area| area > 0.0 && area <= MAX_AREA_M2);
    errors.require(area, "area_m2", "out_of_range", "面积超出范围", "The floor area is out of range.");
    check_count("phones", data.phones.len(), 0, MAX_PHONES, errors);
}

fn check_service(service: &Service, at: &str, errors: &mut FieldErrors) {
    check_text(&format!("{at}.name"), &service.name, 1, 60, errors);
    errors.require(
        !service.modes.is_empty(),
        format!("{at}.modes"),
        "required",
        "请选择服务方式",
        "Say where the service is given.",
    );
    check_count(&format!("{at}.prices"), service.prices.len(), 0, MAX_PRICES, errors);
    for (i, price) in service.prices.iter().take(MAX_PRICES).enumerate() {
        let at = format!("{at}.prices[{i}]");
        check_text(&format!("{at}.item"), &price.item, 1, 60, errors);
        check_text(&format!("{at}.unit"), &price.unit, 1, 20, errors);
        let range = (0..=MAX_PRICE_FEN).contains(&price.amount_fen);
        errors.require(
            range,
            format!("{at}.amount_fen"),
            "out_of_range",
            "价格超出范围",
            "The price is out of range.",
        );
        let free = service.fee != FeeKind::Free || price.amount_fen == 0;
        errors.require(
            free,
            format!("{at}.amount_fen"),
            "contradiction",
            "无偿服务不能有价格",
            "A free service has no price.",
        );
    }
}

fn check_licence(licence: &Licence, at: &str, errors: &mut FieldErrors) {
    check_text(&format!("{at}.kind"), &licence.kind, 1, 60, errors);
    check_text(&format!("{at}.number"), &licence.number, 1, 60, errors);
    check_optional(&format!("{at}.issuer"), licence.issuer.as_deref(), 100, errors);
    let ordered = !matches!((licence.valid_from, licence.valid_to), (Some(from), Some(to)) if to < from);
    errors.require(
        ordered,
        format!("{at}.valid_to"),
        "order",
        "截止日期早于起始日期",
        "It ends before it begins.",
    );
}

fn check_text(field: &str, text: &str, min: usize, max: usize, errors: &mut FieldErrors) {
    if !(min..=max).contains(&text.chars().count()) {
        errors.add(
            field,
            "length",
            format!("应为{min}至{max}字"),
            format!("It has {min} to {max} characters."),
        );
    } else if text.chars().any(|c| c.is_control() && c != '\n') {
        errors.add(field, "control_character", "含有不可见的控制字符", "It contains control characters.");
    }
}

fn check_optional(field: &str, text: Option<&str>, max: usize, errors: &mut FieldErrors) {
    if let Some(text) = text {
        check_text(field, text, 1, max, errors);
    }
}

fn check_count(field: &str, count: usize, min: usize, max: usize, errors: &mut FieldErrors) {
    if !(min..=max).contains(&count) {
        errors.add(field, "count", format!("应有{min}至{max}项"), format!("Give {min} to {max} entries."));
    }
}
