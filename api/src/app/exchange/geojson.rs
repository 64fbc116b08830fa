//! GeoJSON: a `FeatureCollection` of points, the columns as properties; read and written feature by feature.

use std::{cell::Cell, fmt, io::Read};

use linli_domain::{
    Vocabulary,
    import::{Cells, Column},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};

use super::{FileError, Go};

pub(super) fn read(file: impl Read, each: &mut dyn FnMut(u64, Cells) -> Go) -> Result<(), FileError> {
    let line = Cell::new(1);
    let mut json = serde_json::Deserializer::from_reader(Lines { file, line: &line });
    let stopped = Cell::new(false);
    let seed = Collection { line: &line, stopped: &stopped, each };
    match seed.deserialize(&mut json) {
        Ok(()) => Ok(()),
        Err(_) if stopped.get() => Ok(()),
        Err(error) if error.is_io() => Err(match error.io_error_kind() {
            Some(std::io::ErrorKind::InvalidData) | None => not_json(line.get()),
            Some(kind) => FileError::Io(kind.into()),
        }),
        Err(_) => Err(not_json(line.get())),
    }
}

fn not_json(line: u64) -> FileError {
    let (zh, en) = (
        "不是 UTF-8 编码的 GeoJSON FeatureCollection，或此处格式有误",
        "This is not a GeoJSON FeatureCollection in UTF-8, or it is not well formed here.",
    );
    FileError::new(line, "geojson", zh, en)
}

/// Counts lines as they are read; serde_json reads byte by byte, so the count is where it stands.
struct Lines<'a, R> {
    file: R,
    line: &'a Cell<u64>,
}

impl<R: Read> Read for Lines<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        let breaks = buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        self.line.set(self.line.get() + breaks as u64);
        Ok(read)
    }
}

/// The collection: `features` is handed out one by one, other members are ignored.
struct Collection<'a> {
    line: &'a Cell<u64>,
    stopped: &'a Cell<bool>,
    each: &'a mut dyn FnMut(u64, Cells) -> Go,
}

impl<'de> DeserializeSeed<'de> for Collection<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Collection<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FeatureCollection")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<(), M::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "features" => {
                    found = true;
                    map.next_value_seed(Features(&mut self))?;
                }
                "type" if map.next_value::<String>()? != "FeatureCollection" => {
                    return Err(de::Error::custom("not a FeatureCollection"));
                }
                "type" => {}
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if found { Ok(()) } else { Err(de::Error::missing_field("features")) }
    }
}

struct Features<'a, 'b>(&'a mut Collection<'b>);

impl<'de> DeserializeSeed<'de> for Features<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut features: S) -> Result<(), S::Error> {
        while let Some(feature) = features.next_element::<Feature>()? {
            if (self.0.each)(self.0.line.get(), feature.cells()).is_break() {
                self.0.stopped.set(true);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    geometry: Option<Geometry>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Geometry {
    r#type: String,
    #[serde(default)]
    coordinates: Value,
}

impl Feature {
    /// The properties as cells, the point as longitude and latitude; members that are no column are ignored.
    ///
    /// What is no point becomes a cell that is no number, so that the row is refused and not the file.
    fn cells(self) -> Cells {
        let mut cells = Cells::new();
        for (name, value) in self.properties.unwrap_or_default() {
            if let Some(column) = Column::of_heading(&name) {
                cells.set(column, text(value));
            }
        }
        if let Some(geometry) = self.geometry {
            let mut position = match geometry.coordinates {
                Value::Array(position) if geometry.r#type == "Point" => position.into_iter(),
                _ => Vec::new().into_iter(),
            };
            for column in [Column::Lng, Column::Lat] {
                cells.set(column, position.next().map_or_else(|| "?".to_owned(), text));
            }
        }
        cells
    }
}

/// A property as the text of a cell; a list becomes entries.
fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(items) => items.into_iter().map(text).collect::<Vec<_>>().join("; "),
        // An object is no cell; its column says so.
        other => other.to_string(),
    }
}

/// A page of features with every column; an empty text clears what is known when it is read back.
pub(super) fn page(
    rows: impl Iterator<Item = Cells>,
    is_first: bool,
    is_last: bool,
) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    if is_first {
        out.extend_from_slice(br#"{"type":"FeatureCollection","features":["#);
    }
    let mut separator: &[u8] = if is_first { b"\n" } else { b",\n" };
    for cells in rows {
        out.extend_from_slice(separator);
        separator = b",\n";
        serde_json::to_writer(&mut out, &feature(&cells))?;
    }
    if is_last {
        out.extend_from_slice(b"\n]}\n");
    }
    Ok(out)
}

fn feature(cells: &Cells) -> Value {
    let number = |column| cells.get(column).parse::<f64>().ok();
    let point = number(Column::Lng).zip(number(Column::Lat));
    let geometry = point.map(|(lng, lat)| json!({ "type": "Point", "coordinates": [lng, lat] }));
    let columns = Column::ALL.iter().filter(|column| !matches!(column, Column::Lng | Column::Lat));
    let properties: Map<_, _> =
        columns.map(|column| (column.as_str().to_owned(), cells.get(*column).into())).collect();
    json!({ "type": "Feature", "geometry": geometry, "properties": properties })
}
