//! Exports to and imports from what bytes can be written to and read from.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use kinto_protocol::{Export, ExportSoFar, Import, Imported, Result};

use crate::client::Client;
use crate::local::{at, local};

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

impl Client {
    /// Writes an export, in the memory of one page, and gives how many objects it has.
    ///
    /// When it fails in the middle, what has been written is the beginning of an export, and has no end.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be written.
    pub fn export_to(&self, mut export: Export, mut to: impl Write) -> Result<u64> {
        while let Some(lines) = self.send(&mut export)? {
            to.write_all(&lines).map_err(local)?;
        }
        to.flush().map_err(local)?;
        Ok(export.objects())
    }

    /// Writes an export into a file, in the memory of one page, and gives how many objects it has.
    ///
    /// If the file has the beginning of that export already, it [goes on](Export::resume) behind it; if it has all of it,
    /// nothing is done. A file that holds anything else stays as it is, and is an error.
    ///
    /// ```
    /// # let server = kinto_tests::blog();
    /// # let client = kinto_blocking::Client::builder(server.url()).build()?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("blog.ndjson");
    /// let export = kinto_blocking::bucket("blog").export().at(std::time::SystemTime::now());
    /// let objects = client.export_file(export, &path)?;
    /// assert_eq!(objects, 5); // a bucket, a collection and three records
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`export_to`](Self::export_to), and as [`Export::resume`].
    pub fn export_file(&self, export: Export, path: impl AsRef<Path>) -> Result<u64> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(at(path))?;
        let (mut so_far, mut piece) = (ExportSoFar::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => so_far.take(&piece[..length])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(at(path)(error)),
            }
        }
        let export = export.resume(&so_far)?;
        file.set_len(so_far.kept()).and_then(|()| file.seek(SeekFrom::End(0))).map_err(at(path))?;
        self.export_to(export, BufWriter::new(file))
    }

    /// Imports what a reader gives, in constant memory.
    ///
    /// What is there and the same is not written: after an error, an import of the same goes on where it was. What failed for
    /// some objects only is told in [`Imported::failures`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`ErrorKind::Input`](kinto_protocol::ErrorKind::Input) for what is no export or has no end,
    /// and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be read.
    pub fn import_from(&self, mut import: Import, mut from: impl BufRead) -> Result<Imported> {
        loop {
            let taken = match from.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => import.take(bytes)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(local(error).into()),
            };
            from.consume(taken);
            if import.is_full() {
                self.send(&mut import)?;
            }
        }
        import.end()?;
        self.send(&mut import)?;
        Ok(import.into_imported())
    }

    /// Imports a file, in constant memory.
    ///
    /// ```
    /// # let server = kinto_tests::blog();
    /// # let client = kinto_blocking::Client::builder(server.url()).auth("alexis:p4ssw0rd".parse()?).build()?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("blog.ndjson");
    /// # client.export_file(kinto_blocking::bucket("blog").export().at(std::time::SystemTime::now()), &path)?;
    /// let import = kinto_blocking::Import::new().into_bucket("blog-copy").permissions();
    /// let imported = client.import_file(import, &path)?;
    /// println!("{imported}"); // 5 created
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`import_from`](Self::import_from).
    pub fn import_file(&self, import: Import, path: impl AsRef<Path>) -> Result<Imported> {
        let path = path.as_ref();
        let file = File::open(path).map_err(at(path))?;
        self.import_from(import, BufReader::with_capacity(PIECE, file))
    }
}
