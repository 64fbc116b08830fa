//! Where uploaded bytes lie.
//!
//! A blob is written before the row that names it and removed after that row is gone: a crash in
//! between leaves bytes nobody can reach, never a row without bytes.

use std::{
    io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tokio::{fs, io::AsyncWriteExt};
use uuid::Uuid;

/// A store of blobs by id.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores a blob; when it returns, the bytes are durable.
    async fn put(&self, id: Uuid, bytes: &[u8]) -> io::Result<()>;
    /// Reads a blob; `None` when there is none.
    async fn get(&self, id: Uuid) -> io::Result<Option<Vec<u8>>>;
    /// Removes a blob, if there is one.
    async fn remove(&self, id: Uuid) -> io::Result<()>;
}

/// A folder of this machine, or one that all servers mount.
#[derive(Debug)]
pub struct LocalFolder(PathBuf);

impl LocalFolder {
    /// Blobs below this folder; it is made when the first comes.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The last digits of an id are random, so they spread the files over 256 folders.
    fn path(&self, id: Uuid) -> PathBuf {
        let name = id.simple().to_string();
        self.0.join(&name[30..]).join(name)
    }
}

#[async_trait]
impl BlobStore for LocalFolder {
    async fn put(&self, id: Uuid, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(id);
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).await?;
        // Renamed when it is whole, so that a reader never sees half of it.
        let draft = path.with_extension("part");
        let mut file = fs::File::create(&draft).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        fs::rename(&draft, &path).await?;
        // The name is durable when the folder is.
        fs::File::open(folder).await?.sync_all().await
    }

    async fn get(&self, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        absent(fs::read(self.path(id)).await)
    }

    async fn remove(&self, id: Uuid) -> io::Result<()> {
        absent(fs::remove_file(self.path(id)).await).map(|_| ())
    }
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_blob_is_there_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = LocalFolder::new(folder.path().join("photos"));
        let id = Uuid::from_u128(7);
        assert_eq!(blobs.get(id).await.unwrap(), None);
        blobs.put(id, b"bytes").await.unwrap();
        assert_eq!(blobs.get(id).await.unwrap().as_deref(), Some(&b"bytes"[..]));
        blobs.remove(id).await.unwrap();
        blobs.remove(id).await.unwrap();
        assert_eq!(blobs.get(id).await.unwrap(), None);
    }
}
