//! CSV: headings first, stable names or Chinese ones; cells guarded against spreadsheets.

use std::io::Read;

use linli_domain::{
    Vocabulary,
    import::{Cells, Column},
};

use super::{FileError, Go, not_utf8};

/// No record of honest data is longer, in bytes.
const MAX_RECORD: usize = 256 * 1024;

pub(super) fn read(file: impl Read, each: &mut dyn FnMut(u64, Cells) -> Go) -> Result<(), FileError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(WithoutReturns(file));
    let mut record = csv::ByteRecord::new();
    if !next(&mut reader, &mut record)? {
        return Err(FileError::new(0, "empty", "文件是空的", "The file is empty."));
    }
    let columns = headings(&record)?;
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            // Spreadsheets leave rows of commas behind.
            continue;
        }
        if each(line, cells(&columns, &record, line)?).is_break() {
            break;
        }
    }
    Ok(())
}

fn next(reader: &mut csv::Reader<impl Read>, record: &mut csv::ByteRecord) -> Result<bool, FileError> {
    let more = reader.read_byte_record(record).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => FileError::Io(error),
        // With a flexible reader of bytes nothing else can be wrong.
        _ => FileError::new(0, "csv", "CSV 格式有误", "The CSV is not well formed."),
    })?;
    let line = record.position().map_or(0, csv::Position::line);
    if record.as_slice().len() > MAX_RECORD {
        let (zh, en) = ("此行过长，可能缺少引号", "This record is too long; a quote may be missing.");
        return Err(FileError::new(line, "record_too_long", zh, en));
    }
    Ok(more)
}

/// Drops carriage returns: they would shift the count of lines, and inside a cell they mean nothing.
struct WithoutReturns<R>(R);

impl<R: Read> Read for WithoutReturns<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            let mut kept = 0;
            for at in 0..read {
                if buffer[at] != b'\r' {
                    buffer[kept] = buffer[at];
                    kept += 1;
                }
            }
            // Nothing read is the end; nothing kept is not.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

/// Which column each cell is; `None` for a heading that begins with `#`, a remark of the author.
fn headings(record: &csv::ByteRecord) -> Result<Vec<Option<Column>>, FileError> {
    let mut columns: Vec<Option<Column>> = Vec::with_capacity(record.len());
    for (index, heading) in record.iter().enumerate() {
        let heading = std::str::from_utf8(heading).map_err(|_| not_utf8(1, record.as_slice()))?.trim();
        if heading.is_empty() || heading.starts_with('#') {
            columns.push(None);
            continue;
        }
        let number = index + 1;
        let column = Column::of_heading(heading).ok_or_else(|| {
            let (zh, en) = (format!("第{number}列的标题无法识别"), format!("Heading {number} is not known."));
            FileError::new(1, "heading_unknown", zh, en)
        })?;
        if columns.contains(&Some(column)) {
            let (zh, en) = (format!("第{number}列重复"), format!("Column {number} stands twice."));
            return Err(FileError::new(1, "heading_repeated", zh, en));
        }
        columns.push(Some(column));
    }
    match Column::REQUIRED.into_iter().find(|column| !columns.contains(&Some(*column))) {
        None => Ok(columns),
        Some(missing) => {
            let (zh, en) = (
                format!("缺少“{}”列（{}）", missing.zh(), missing.as_str()),
                format!("The column `{}` ({}) is missing.", missing.as_str(), missing.zh()),
            );
            Err(FileError::new(1, "heading_missing", zh, en))
        }
    }
}

fn cells(columns: &[Option<Column>], record: &csv::ByteRecord, line: u64) -> Result<Cells, FileError> {
    let mut cells = Cells::new();
    if record.len() > columns.len() && record.iter().skip(columns.len()).any(|cell| !cell.is_empty()) {
        let (zh, en) =
            ("此行的单元格多于标题，可能缺少引号", "More cells than headings; a quote may be missing.");
        return Err(FileError::new(line, "too_many_cells", zh, en));
    }
    for (index, column) in columns.iter().enumerate() {
        let Some(column) = column else { continue };
        let cell = record.get(index).unwrap_or_default();
        let text = std::str::from_utf8(cell).map_err(|_| not_utf8(line, record.as_slice()))?;
        cells.set(*column, unguarded(text));
    }
    Ok(cells)
}

/// A page of rows with every column; the headings stand before the first.
pub(super) fn page(rows: impl Iterator<Item = Cells>, is_first: bool) -> std::io::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if is_first {
        out.write_record(Column::ALL.iter().map(|column| column.as_str()))?;
    }
    for cells in rows {
        out.write_record(Column::ALL.iter().map(|column| guarded(cells.get(*column))))?;
    }
    out.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// What a spreadsheet would take for a formula, behind any apostrophes.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell that a spreadsheet shows and does not compute.
fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(text)
}
