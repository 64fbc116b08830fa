//! One row: cells to facility data, and back.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    Cells, Column, hours, services,
    services::word,
    text::{ENTRY, ITEM, PART, entries, escape, split, unescape},
};
use crate::{
    Code, FieldErrors, Refusal,
    division::DivisionCode,
    facility::{
        AccessFeature, Category, ExternalId, Facility, FacilityData, FacilityStatus, Licence, Location,
        ServicePhone,
    },
    geo::{Bounds, Datum, Point},
    time::{instant, local, local_date},
    vocabulary::{Vocabulary, WordSet},
};

/// What a file was declared to be.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Coordinate system of rows that do not say one themselves.
    pub datum: Option<Datum>,
    /// Points must lie in this box.
    pub bounds: Bounds,
    /// Divisions must lie in this one.
    pub area: Option<DivisionCode>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What a row says about one facility.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it comes from, when the row says so itself.
    pub source: Option<String>,
    /// Its id in the source.
    pub external_id: String,
    /// The status, when the row gives one.
    pub status: Option<FacilityStatus>,
    /// The facility, if the row is all that is known about it.
    pub facility: Facility,
    /// The columns the row has.
    columns: WordSet<Column>,
}

impl Row {
    /// Reads a row, or names every column that is wrong.
    pub fn read(cells: &Cells, rules: &Rules) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        for column in Column::REQUIRED {
            if cells.get(column).is_empty() {
                errors.add(column.as_str(), "required", "此列不能为空", "This column must not be empty.");
            }
        }
        let source = Some(cells.get(Column::Source)).filter(|source| !source.is_empty()).map(str::to_owned);
        let external_id = cells.get(Column::ExternalId).to_owned();
        if external_id.chars().count() > 100 {
            errors.add(
                Column::ExternalId.as_str(),
                "length",
                "外部编号最多100字",
                "It has at most 100 characters.",
            );
        }
        if external_id.chars().any(char::is_control) {
            let (zh, en) = ("含有不可见的控制字符", "It contains control characters.");
            errors.add(Column::ExternalId.as_str(), "control_character", zh, en);
        }
        let status = optional_word(cells, Column::Status, &mut errors);
        let data = read_data(cells, rules, &mut errors);
        // What only the whole facility can know is judged even when single cells are wrong, so that
        // a person mends the row in one go.
        let facility = match Facility::new(data, rules.now) {
            Ok(facility) if errors.is_empty() => facility,
            Ok(_) => return Err(refused(errors, None)),
            Err(refusal) => return Err(refused(errors, Some(refusal))),
        };
        let columns = Column::ALL.iter().copied().filter(|column| cells.has(*column)).collect();
        Ok(Self { source, external_id, status, facility, columns })
    }

    /// What the facility becomes when `known` is stored already: a column that the file does not
    /// have leaves alone what is known.
    pub fn over(&self, known: &Facility, now: DateTime<Utc>) -> Result<Facility, Refusal> {
        let mut data = self.facility.data().clone();
        let old = known.data();
        for column in Column::ALL.iter().copied().filter(|column| !self.columns.contains(*column)) {
            match column {
                Column::ShortName => data.short_name.clone_from(&old.short_name),
                Column::Aliases => data.aliases.clone_from(&old.aliases),
                Column::Summary => data.summary.clone_from(&old.summary),
                Column::Division => data.division.clone_from(&old.division),
                Column::Lng => data.location = old.location,
                Column::Phones => data.phones.clone_from(&old.phones),
                Column::Hours => data.hours.clone_from(&old.hours),
                Column::Services => data.services.clone_from(&old.services),
                Column::Accessibility => data.accessibility.present = old.accessibility.present,
                Column::AccessibilityAbsent => data.accessibility.absent = old.accessibility.absent,
                Column::AccessibilityNote => data.accessibility.note.clone_from(&old.accessibility.note),
                Column::Languages => data.languages = old.languages,
                Column::AreaM2 => data.area_m2 = old.area_m2,
                Column::BuildKind => data.build_kind = old.build_kind,
                Column::CarrierLevel => data.carrier_level = old.carrier_level,
                Column::Operator => data.operator.clone_from(&old.operator),
                Column::OperationMode => data.operation_mode = old.operation_mode,
                Column::Licences => data.licences.clone_from(&old.licences),
                Column::VerifiedAt => data.verified_at = old.verified_at,
                Column::OtherIds => data.external_ids.clone_from(&old.external_ids),
                // Required, part of the point, or not part of the data.
                Column::Source
                | Column::ExternalId
                | Column::Name
                | Column::Categories
                | Column::Address
                | Column::Status
                | Column::Lat
                | Column::Datum
                | Column::SourceDatum
                | Column::AccuracyM => {}
            }
        }
        Facility::new(data, now)
    }
}

/// Joins what single cells and the whole facility have to say, in the names of the columns.
fn refused(errors: FieldErrors, whole: Option<Refusal>) -> Refusal {
    let mut refusal = errors.finish().err().unwrap_or_else(|| Refusal::new(Code::InvalidInput));
    for mut error in whole.into_iter().flat_map(|whole| whole.errors) {
        for (field, column) in [
            ("location.accuracy_m", Column::AccuracyM),
            ("external_ids", Column::OtherIds),
            ("accessibility.absent", Column::AccessibilityAbsent),
            ("accessibility.note", Column::AccessibilityNote),
        ] {
            if let Some(rest) = error.field.strip_prefix(field) {
                error.field = format!("{}{rest}", column.as_str());
            }
        }
        let column = |field: &str| field.split(['[', '.']).next().unwrap_or_default().to_owned();
        // A cell that could not be read leaves a gap; what the gap breaks is no second mistake.
        if !refusal.errors.iter().any(|known| column(&known.field) == column(&error.field)) {
            refusal.errors.push(error);
        }
    }
    refusal
}

fn read_data(cells: &Cells, rules: &Rules, errors: &mut FieldErrors) -> FacilityData {
    let text = |column| Some(cells.get(column)).filter(|text| !text.is_empty()).map(str::to_owned);
    let categories: Vec<Category> = words(cells, Column::Categories, errors);
    let main = categories.first().copied().unwrap_or(Category::CommunityService);
    let mut data = FacilityData::new(cells.get(Column::Name), main, cells.get(Column::Address));
    if !categories.is_empty() {
        data.categories = categories;
    }
    data.short_name = text(Column::ShortName);
    data.aliases = entries(cells.get(Column::Aliases)).map(unescape).collect();
    data.summary = text(Column::Summary);
    data.division = read_division(cells, rules, errors);
    data.location = read_location(cells, rules, errors);
    data.phones = entries(cells.get(Column::Phones))
        .enumerate()
        .filter_map(|(i, text)| errors.nest(&format!("phones[{i}]"), ServicePhone::parse(text)))
        .collect();
    data.hours = errors.nest("hours", hours::parse(cells.get(Column::Hours))).unwrap_or_default();
    data.services =
        errors.nest("services", services::parse(cells.get(Column::Services), main)).unwrap_or_default();
    data.accessibility.present = words(cells, Column::Accessibility, errors);
    data.accessibility.absent = words(cells, Column::AccessibilityAbsent, errors);
    data.accessibility.note = text(Column::AccessibilityNote);
    data.languages = words(cells, Column::Languages, errors);
    data.area_m2 = number(cells, Column::AreaM2, errors);
    data.build_kind = optional_word(cells, Column::BuildKind, errors);
    data.carrier_level = optional_word(cells, Column::CarrierLevel, errors);
    data.operator = text(Column::Operator);
    data.operation_mode = optional_word(cells, Column::OperationMode, errors);
    data.licences = list(cells, Column::Licences, errors, read_licence);
    data.verified_at = read_verified_at(cells, errors);
    data.external_ids = list(cells, Column::OtherIds, errors, |entry| {
        let [system, id] = *split(entry, PART) else { return None };
        Some(ExternalId { system: unescape(system), id: unescape(id) })
    });
    data
}

fn not_understood(column: Column, place: &str, errors: &mut FieldErrors) {
    let field = format!("{}{place}", column.as_str());
    errors.add(field, "not_understood", "此项内容无法识别", "This is not understood.");
}

/// A list of words, between any of the separators.
fn words<V: Vocabulary, C: FromIterator<V>>(cells: &Cells, column: Column, errors: &mut FieldErrors) -> C {
    let listed = split(cells.get(column), &[ENTRY, ITEM].concat());
    let read = listed.iter().filter(|text| !text.is_empty()).enumerate().filter_map(|(i, text)| {
        let word = word(text);
        if word.is_none() {
            not_understood(column, &format!("[{i}]"), errors);
        }
        word
    });
    read.collect()
}

fn optional_word<V: Vocabulary>(cells: &Cells, column: Column, errors: &mut FieldErrors) -> Option<V> {
    let text = cells.get(column);
    let word = word(text);
    if word.is_none() && !text.is_empty() {
        not_understood(column, "", errors);
    }
    word
}

fn number<N: std::str::FromStr>(cells: &Cells, column: Column, errors: &mut FieldErrors) -> Option<N> {
    let text = cells.get(column);
    if text.is_empty() {
        return None;
    }
    let number = text.parse().ok();
    if number.is_none() {
        errors.add(column.as_str(), "number", "应为数字", "This is not a number.");
    }
    number
}

fn list<T>(
    cells: &Cells,
    column: Column,
    errors: &mut FieldErrors,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let mut items = Vec::new();
    for (i, entry) in entries(cells.get(column)).enumerate() {
        match read(entry) {
            Some(item) => items.push(item),
            None => not_understood(column, &format!("[{i}]"), errors),
        }
    }
    items
}

fn read_division(cells: &Cells, rules: &Rules, errors: &mut FieldErrors) -> Option<String> {
    let text = cells.get(Column::Division);
    if text.is_empty() {
        return None;
    }
    let column = Column::Division.as_str();
    match text.parse::<DivisionCode>() {
        Ok(code) if rules.area.is_none_or(|area| area.contains(code)) => return Some(code.to_string()),
        Ok(_) => errors.add(
            column,
            "out_of_area",
            "行政区划不在导入区域内",
            "It is outside the area of this import.",
        ),
        Err(_) => errors.add(
            column,
            "division",
            "行政区划代码应为6、9或12位数字",
            "A division code has 6, 9 or 12 digits.",
        ),
    }
    None
}

fn read_location(cells: &Cells, rules: &Rules, errors: &mut FieldErrors) -> Option<Location> {
    let (lng, lat) = (cells.get(Column::Lng), cells.get(Column::Lat));
    if lng.is_empty() && lat.is_empty() {
        return None;
    }
    if lng.is_empty() || lat.is_empty() {
        let missing = if lng.is_empty() { Column::Lng } else { Column::Lat };
        errors.add(missing.as_str(), "required", "经度和纬度应同时填写", "Give both longitude and latitude.");
        return None;
    }
    let (lng, lat) = (number(cells, Column::Lng, errors), number(cells, Column::Lat, errors));
    let declared = optional_word(cells, Column::Datum, errors);
    let source_datum = optional_word(cells, Column::SourceDatum, errors);
    let accuracy_m = number(cells, Column::AccuracyM, errors);
    if declared.is_none() && !cells.get(Column::Datum).is_empty() {
        return None;
    }
    let Some(datum): Option<Datum> = declared.or(rules.datum) else {
        let code = Code::DatumRequired;
        errors.add(Column::Datum.as_str(), code.as_str(), code.zh(), code.en());
        return None;
    };
    let point = Point::parse_within(lat?, lng?, datum, &rules.bounds);
    let point = errors.nest(Column::Lng.as_str(), point)?;
    Some(Location { point: to_centimetres(point), source_datum: source_datum.unwrap_or(datum), accuracy_m })
}

/// Seven decimals, so that a point is written and read back without a digit lost.
fn to_centimetres(point: Point) -> Point {
    let (lat, lng) = point.in_datum(Datum::Wgs84);
    Point::wgs84(lat, lng).unwrap_or(point)
}

/// `种类|编号|发证机关|起始日|截止日`, the last three as far as they are known.
fn read_licence(entry: &str) -> Option<Licence> {
    let parts = split(entry, PART);
    let part = |i: usize| parts.get(i).copied().filter(|part| !part.is_empty());
    let date = |i| part(i).map(str::parse::<NaiveDate>).transpose().ok();
    (parts.len() <= 5).then_some(())?;
    Some(Licence {
        kind: unescape(part(0)?),
        number: unescape(part(1)?),
        issuer: part(2).map(unescape),
        valid_from: date(3)?,
        valid_to: date(4)?,
    })
}

/// A date, or a time with its offset.
fn read_verified_at(cells: &Cells, errors: &mut FieldErrors) -> Option<DateTime<Utc>> {
    let text = cells.get(Column::VerifiedAt);
    if text.is_empty() {
        return None;
    }
    let day = text.parse::<NaiveDate>().ok().map(|date| instant(date, 0));
    let read = day.or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()));
    if read.is_none() {
        not_understood(Column::VerifiedAt, "", errors);
    }
    read
}

/// Writes a facility as [`Row::read`] reads it; every column is filled.
pub fn write(source: &str, external_id: &str, status: FacilityStatus, facility: &Facility) -> Cells {
    let data = facility.data();
    let mut cells = Cells::new();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let joined = |texts: Vec<String>| texts.join("; ");
    let word = |word: Option<&'static str>| word.unwrap_or_default();
    let location = data.location.as_ref();
    cells.set(Column::Source, source);
    cells.set(Column::ExternalId, external_id);
    cells.set(Column::Name, &*data.name);
    cells.set(Column::ShortName, text(&data.short_name));
    cells.set(Column::Aliases, joined(data.aliases.iter().map(|alias| escape(alias)).collect()));
    cells.set(Column::Categories, joined(data.categories.iter().map(|word| word.zh().to_owned()).collect()));
    cells.set(Column::Summary, text(&data.summary));
    cells.set(Column::Status, status.zh());
    cells.set(Column::Division, text(&data.division));
    cells.set(Column::Address, &*data.address);
    cells.set(Column::Lng, location.map(|at| at.point.lng().to_string()).unwrap_or_default());
    cells.set(Column::Lat, location.map(|at| at.point.lat().to_string()).unwrap_or_default());
    cells.set(Column::Datum, word(location.map(|_| Datum::Wgs84.as_str())));
    cells.set(Column::SourceDatum, word(location.map(|at| at.source_datum.as_str())));
    let accuracy = location.and_then(|at| at.accuracy_m);
    cells.set(Column::AccuracyM, accuracy.map(|m| m.to_string()).unwrap_or_default());
    cells.set(Column::Phones, joined(data.phones.iter().map(ToString::to_string).collect()));
    cells.set(Column::Hours, hours::print(&data.hours));
    cells.set(Column::Services, services::print(&data.services, data.categories.first().copied()));
    cells.set(Column::Accessibility, print_words(data.accessibility.present));
    cells.set(Column::AccessibilityAbsent, print_words(data.accessibility.absent));
    cells.set(Column::AccessibilityNote, text(&data.accessibility.note));
    cells.set(Column::Languages, joined(data.languages.iter().map(|word| word.zh().to_owned()).collect()));
    cells.set(Column::AreaM2, data.area_m2.map(|area| area.to_string()).unwrap_or_default());
    cells.set(Column::BuildKind, word(data.build_kind.map(Vocabulary::zh)));
    cells.set(Column::CarrierLevel, word(data.carrier_level.map(Vocabulary::zh)));
    cells.set(Column::Operator, text(&data.operator));
    cells.set(Column::OperationMode, word(data.operation_mode.map(Vocabulary::zh)));
    cells.set(Column::Licences, joined(data.licences.iter().map(print_licence).collect()));
    cells.set(Column::VerifiedAt, data.verified_at.map(print_verified_at).unwrap_or_default());
    let other = |id: &ExternalId| format!("{}|{}", escape(&id.system), escape(&id.id));
    cells.set(Column::OtherIds, joined(data.external_ids.iter().map(other).collect()));
    cells
}

fn print_words(words: WordSet<AccessFeature>) -> String {
    words.iter().map(Vocabulary::zh).collect::<Vec<_>>().join("; ")
}

fn print_licence(licence: &Licence) -> String {
    let date = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let mut parts = vec![
        escape(&licence.kind),
        escape(&licence.number),
        licence.issuer.as_deref().map(escape).unwrap_or_default(),
        date(licence.valid_from),
        date(licence.valid_to),
    ];
    while parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    parts.join("|")
}

/// A bare date where that is all it says.
fn print_verified_at(at: DateTime<Utc>) -> String {
    let date = local_date(at);
    if instant(date, 0) == at { date.to_string() } else { local(at).to_rfc3339() }
}

#[cfg(test)]
mod tests;
