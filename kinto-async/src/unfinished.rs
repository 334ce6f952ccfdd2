//! A file that has its name only once it is whole.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::task::spawn_blocking;

/// A file that is to have a name. Until it is finished it has another, in the same folder; dropped before, it is gone.
pub(crate) struct Unfinished {
    path: PathBuf,
    file: File,
    under_way: TempPath,
}

impl Unfinished {
    pub(crate) async fn make(path: PathBuf) -> io::Result<Self> {
        spawn_blocking(move || {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut builder = tempfile::Builder::new();
            builder.prefix(".").suffix(".part");
            // As of any new file: what the user's mask leaves of it.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let (file, under_way) = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?.into_parts();
            Ok(Self { path, file: File::from_std(file), under_way })
        })
        .await
        .map_err(io::Error::other)?
    }

    pub(crate) fn writer(&mut self) -> &mut (dyn AsyncWrite + Send + Unpin) {
        &mut self.file
    }

    /// It is whole: now it gets its name, in place of what has it, if that may be.
    pub(crate) async fn finish(mut self, overwrite: bool) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let Self { path, under_way, .. } = self;
        spawn_blocking(move || {
            let named = if overwrite { under_way.persist(path) } else { under_way.persist_noclobber(path) };
            named.map_err(|error| error.error)
        })
        .await
        .map_err(io::Error::other)?
    }
}
