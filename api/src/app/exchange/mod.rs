//! Import and export of facilities as files.
//!
//! A file is read twice: once to find everything that is wrong with it, without touching the
//! database, and once more to write it in **one** transaction. So whatever kills the process, the
//! file is imported whole or not at all, and running it again is the recovery: rows that are there
//! already are left alone. Rows stream through in batches; a file never stands in memory.

mod csv;
mod export;
mod geojson;
mod import;
mod report;

use std::io::Read;

use linli_domain::{
    Code, FieldError, Refusal,
    access::{OrgPath, Scope},
    import::Cells,
};
use linli_store::storage::staff::organisation;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::App;

pub use export::{Export, Selection, note_export};
pub use import::{Input, Order, Progress, import};
pub use report::{Report, RowError};

/// How facilities are laid out in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, UTF-8, headings first.
    Csv,
    /// A GeoJSON `FeatureCollection` of points.
    Geojson,
}

impl Format {
    /// What a person writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "csv" => Some(Self::Csv),
            "geojson" => Some(Self::Geojson),
            _ => None,
        }
    }

    /// Its name, as a person writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Geojson => "geojson",
        }
    }

    /// What the name of a file tells.
    pub fn of_path(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "geojson" | "json" => Some(Self::Geojson),
            _ => None,
        }
    }
}

/// Everything there is: the scope of the command line.
pub async fn everything(app: &App) -> Result<Scope, linli_store::Error> {
    let roots = organisation::Entity::find().filter(organisation::Column::ParentId.is_null());
    let roots = roots.all(app.db.read()).await?;
    Ok(Scope::new(roots.iter().filter_map(|root| OrgPath::parse(&root.path))))
}

/// Whether to go on reading.
type Go = std::ops::ControlFlow<()>;

/// Why a file cannot be read at all.
#[derive(Debug)]
enum FileError {
    /// Where and what: line (0 when it is the file as a whole), stable code, zh, en.
    Wrong { line: u64, code: &'static str, zh: String, en: String },
    /// The disk or the network failed.
    Io(std::io::Error),
}

impl FileError {
    fn new(line: u64, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Wrong { line, code, zh: zh.into(), en: en.into() }
    }
}

impl From<FileError> for linli_store::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Wrong { line, code, zh, en } => {
                let field = if line == 0 { "file".to_owned() } else { format!("file.line[{line}]") };
                let error = FieldError { field, code, zh, en };
                Refusal { errors: vec![error], ..Refusal::new(Code::InvalidInput) }.into()
            }
            FileError::Io(error) => Self::internal("reading the file", error),
        }
    }
}

/// Reads a file record by record; `each` gets the line on which a record begins.
fn read(format: Format, file: impl Read, mut each: impl FnMut(u64, Cells) -> Go) -> Result<(), FileError> {
    let mut file = std::io::BufReader::new(file);
    skip_mark(&mut file)?;
    match format {
        Format::Csv => csv::read(file, &mut each),
        Format::Geojson => geojson::read(file, &mut each),
    }
}

/// Skips the byte order mark that spreadsheets write; refuses the marks of other encodings.
fn skip_mark(file: &mut impl std::io::BufRead) -> Result<(), FileError> {
    let start = file.fill_buf().map_err(FileError::Io)?;
    if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
        return Err(FileError::new(
            0,
            "encoding_utf16",
            "文件编码为 UTF-16，请另存为 UTF-8（Excel：CSV UTF-8）",
            "The file is in UTF-16; save it as UTF-8 (Excel: CSV UTF-8).",
        ));
    }
    let mark = if start.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    file.consume(mark);
    Ok(())
}

/// What to say about bytes that are not UTF-8.
fn not_utf8(line: u64, bytes: &[u8]) -> FileError {
    if looks_like_gbk(bytes) {
        return FileError::new(
            line,
            "encoding_gbk",
            "文件编码像是 GBK，请另存为 UTF-8（Excel：CSV UTF-8）",
            "The file seems to be in GBK; save it as UTF-8 (Excel: CSV UTF-8).",
        );
    }
    let (zh, en) = ("文件编码不是 UTF-8", "The file is not in UTF-8.");
    FileError::new(line, "encoding_unknown", zh, en)
}

/// ASCII and pairs of lead and trail bytes, nothing else.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = match *rest {
            [] => return true,
            [0..=0x7F, ref rest @ ..] => rest,
            [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, ref rest @ ..] => rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
