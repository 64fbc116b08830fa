//! The catalogue as a file, so that a restart does not ask the database for everything.
//!
//! JSON lines: a header, the schedules, one line per slot (`null` where nobody
//! is), and a trailer with the checksum of all before it. The file is written
//! beside its place and renamed, so it is there whole or not at all; one that
//! is damaged or of another form is refused and the caller builds anew.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use crc32fast::Hasher;
use linli_domain::{
    calendar::Calendar,
    facility::{AccessFeature, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::Point,
    hours::Schedule,
    ids::FacilityId,
    vocabulary::WordSet,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Card, Facts, FeedCursor, Slot, Snapshot};

/// Form of the file. Raise it when any line changes its meaning.
const FORM: u32 = 1;

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// The disk said no.
    #[error("the catalogue file cannot be read or written")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("the catalogue file is malformed")]
    Malformed(#[from] serde_json::Error),
    /// The file is of another form, damaged or cut short.
    #[error("the catalogue file is unusable: {0}")]
    Unusable(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    form: u32,
    generation: Uuid,
    cursor: FeedCursor,
    schedules: usize,
    slots: usize,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    id: FacilityId,
    version: i64,
    name: std::borrow::Cow<'a, str>,
    point: Option<(f64, f64)>,
    categories: WordSet<Category>,
    accessibility: WordSet<AccessFeature>,
    fee_kinds: WordSet<FeeKind>,
    modes: WordSet<ServiceMode>,
    status: FacilityStatus,
    schedule: u32,
    #[serde(borrow)]
    card: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct Trailer {
    crc32: u32,
}

impl Snapshot {
    /// Writes the file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), PersistError> {
        let beside = path.with_extension("new");
        let mut out = Summed { inner: BufWriter::new(File::create(&beside)?), sum: Hasher::new() };
        self.write(&mut out)?;
        let trailer = Trailer { crc32: out.sum.clone().finalize() };
        serde_json::to_writer(&mut out, &trailer)?;
        out.flush()?;
        out.inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, path)?;
        Ok(())
    }

    fn write(&self, out: &mut impl Write) -> Result<(), PersistError> {
        let header = Header {
            form: FORM,
            generation: self.generation,
            cursor: self.cursor,
            schedules: self.schedules.len(),
            slots: self.facts.len(),
        };
        write_line(out, &header)?;
        for schedule in self.schedules.iter() {
            write_line(out, &**schedule)?;
        }
        for (facts, card) in self.facts.iter().zip(&self.cards) {
            let line =
                facts.as_ref().zip(card.as_ref()).map(|(facts, card)| line(facts, card)).transpose()?;
            write_line(out, &line)?;
        }
        Ok(())
    }

    /// Reads a file that [`Self::save`] wrote.
    pub fn load(path: &Path, calendar: Arc<Calendar>) -> Result<Self, PersistError> {
        let mut lines = Lines {
            inner: BufReader::with_capacity(1 << 20, File::open(path)?),
            sum: Hasher::new(),
            line: Vec::new(),
        };
        let header: Header = serde_json::from_slice(lines.next()?)?;
        if header.form != FORM {
            return Err(PersistError::Unusable("another form"));
        }
        let mut snapshot = Self { cursor: header.cursor, ..Self::empty(header.generation, calendar) };
        for _ in 0..header.schedules {
            let schedule: Schedule = serde_json::from_slice(lines.next()?)?;
            snapshot.schedules.intern(&Arc::new(schedule));
        }
        for slot in 0..header.slots {
            let slot = Slot::try_from(slot).map_err(|_| PersistError::Unusable("too many slots"))?;
            let line: Option<Line<'_>> = serde_json::from_slice(lines.next()?)?;
            snapshot.restore(slot, line)?;
        }
        let sum = lines.sum.clone().finalize();
        let trailer: Trailer = serde_json::from_slice(lines.next()?)?;
        if trailer.crc32 != sum {
            return Err(PersistError::Unusable("damaged"));
        }
        snapshot.plant_tree();
        Ok(snapshot)
    }

    fn restore(&mut self, slot: Slot, line: Option<Line<'_>>) -> Result<(), PersistError> {
        let Some(line) = line else {
            self.facts.push(None);
            self.cards.push(None);
            return Ok(());
        };
        let point = line
            .point
            .map(|(lat, lng)| Point::wgs84(lat, lng).ok_or(PersistError::Unusable("a point off the globe")))
            .transpose()?;
        if self.schedules.get(line.schedule).is_none() || self.slots.insert(line.id, slot).is_some() {
            return Err(PersistError::Unusable("a line contradicts another"));
        }
        self.facts.push(Some(Facts {
            point,
            on_sphere: point.map(crate::distance::on_sphere),
            categories: line.categories,
            accessibility: line.accessibility,
            fee_kinds: line.fee_kinds,
            modes: line.modes,
            status: line.status,
            schedule: line.schedule,
        }));
        self.cards.push(Some(Arc::new(Card::from_json(
            line.id,
            line.version,
            &line.name,
            line.card.get().to_owned(),
        ))));
        Ok(())
    }
}

fn line<'a>(facts: &Facts, card: &'a Card) -> Result<Line<'a>, serde_json::Error> {
    Ok(Line {
        id: card.id,
        version: card.version,
        name: (&*card.name).into(),
        point: facts.point.map(|point| (point.lat(), point.lng())),
        categories: facts.categories,
        accessibility: facts.accessibility,
        fee_kinds: facts.fee_kinds,
        modes: facts.modes,
        status: facts.status,
        schedule: facts.schedule,
        card: serde_json::from_str(card.json())?,
    })
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), PersistError> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// A writer that sums what passes.
struct Summed<W> {
    inner: W,
    sum: Hasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Lines, summed as they are read.
struct Lines<R> {
    inner: R,
    sum: Hasher,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<&[u8], PersistError> {
        self.line.clear();
        if self.inner.read_until(b'\n', &mut self.line)? == 0 {
            return Err(PersistError::Unusable("cut short"));
        }
        self.sum.update(&self.line);
        Ok(&self.line)
    }
}
