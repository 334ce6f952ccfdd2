//! A file that has its name only once it is whole.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is to have a name. Until it is finished it has another, in the same folder; dropped before, it is gone.
pub(crate) struct Unfinished {
    path: PathBuf,
    /// Made when there is something to come: what is here already may be in a folder that nobody may write to.
    file: Option<NamedTempFile>,
}

impl Unfinished {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    pub(crate) fn file(&mut self) -> io::Result<&mut NamedTempFile> {
        if self.file.is_none() {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut builder = tempfile::Builder::new();
            builder.prefix(".").suffix(".part");
            // As of any new file: what the user's mask leaves of it.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            self.file = Some(builder.tempfile_in(folder.unwrap_or(Path::new(".")))?);
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("no file"))
    }

    /// It is whole: now it gets its name, in place of what has it, if that may be.
    pub(crate) fn finish(mut self, overwrite: bool) -> io::Result<()> {
        self.file()?.as_file().sync_all()?;
        let Some(file) = self.file.take() else { return Ok(()) };
        let named = if overwrite { file.persist(&self.path) } else { file.persist_noclobber(&self.path) };
        named.map(drop).map_err(|error| error.error)
    }
}

impl Write for Unfinished {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.file()?.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
