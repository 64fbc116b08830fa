//! The folder that a catalogue is kept in, between one run and the next.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// Where in `data_dir` the catalogue is kept.
pub(crate) const FOLDER: &str = "catalogue";
/// Names the line of history that the kept catalogue is of.
const LINEAGE: &str = "lineage";

/// A folder that this process alone keeps its catalogue in.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Claims it; `None` if it cannot be written or another process has it, and nothing is kept.
    /// What it keeps of another line of history goes: its versions mean something else.
    pub(super) fn claim(path: &Path, lineage: Option<Uuid>) -> Option<Self> {
        let lock = std::fs::create_dir_all(path).and_then(|()| File::create(path.join("lock")));
        let claimed = lock.and_then(|lock| lock.try_lock().map(|()| lock).map_err(Into::into));
        let claimed = claimed.and_then(|lock| {
            let folder = Self { path: path.to_owned(), _lock: lock };
            if std::fs::read_to_string(path.join(LINEAGE)).ok() != lineage.map(|id| id.to_string()) {
                folder.clear()?;
                folder.belongs_to(lineage);
            }
            Ok(folder)
        });
        match claimed {
            Ok(folder) => Some(folder),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the catalogue will not be kept: its folder cannot be claimed"
                );
                None
            }
        }
    }

    fn clear(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != "lock" {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Says of which line of history the kept catalogue is. Where that cannot be written, the next
    /// start finds another one and builds anew.
    pub(super) fn belongs_to(&self, lineage: Option<Uuid>) {
        let name = lineage.map(|id| id.to_string()).unwrap_or_default();
        if let Err(error) = std::fs::write(self.path.join(LINEAGE), name) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the catalogue's lineage is not kept");
        }
    }
}
