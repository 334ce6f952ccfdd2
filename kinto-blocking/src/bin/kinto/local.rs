//! Files of this machine that are written.

use std::fs::Metadata;
use std::io::{self, Write as _};
use std::path::Path;

use crate::failure::Failure;

/// Nothing is written over.
pub(crate) fn is_free(path: &Path, hint: &str) -> Result<(), Failure> {
    if path.metadata().is_ok_and(|file: Metadata| file.is_file() && file.len() > 0) {
        return Err(Failure::Usage(format!("{} is there already: remove it{hint}", path.display())));
    }
    Ok(())
}

/// Writes a file that has its name only once it is whole.
pub(crate) fn save(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let saved = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    saved().map_err(|error| Failure::Local(format!("{}: {error}", path.display())))
}
