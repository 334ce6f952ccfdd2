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
    /// Made when there is something to come: what is here already may be in a folder that nobody may write to.
    file: Option<(File, TempPath)>,
}

impl Unfinished {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    pub(crate) async fn writer(&mut self) -> io::Result<&mut (dyn AsyncWrite + Send + Unpin)> {
        let file = match self.file.take() {
            Some(file) => file,
            None => make(self.path.clone()).await?,
        };
        Ok(&mut self.file.insert(file).0)
    }

    /// It is whole: now it gets its name, in place of what has it, if that may be.
    pub(crate) async fn finish(mut self, overwrite: bool) -> io::Result<()> {
        self.writer().await?;
        let Self { path, file: Some((mut file, under_way)) } = self else { return Ok(()) };
        file.flush().await?;
        file.sync_all().await?;
        drop(file);
        spawn_blocking(move || {
            let named = if overwrite { under_way.persist(path) } else { under_way.persist_noclobber(path) };
            named.map_err(|error| error.error)
        })
        .await
        .map_err(io::Error::other)?
    }
}

/// A file in the same folder.
async fn make(path: PathBuf) -> io::Result<(File, TempPath)> {
    spawn_blocking(move || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".part");
        // As of any new file: what the user's mask leaves of it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, under_way) = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?.into_parts();
        Ok((File::from_std(file), under_way))
    })
    .await
    .map_err(io::Error::other)?
}
