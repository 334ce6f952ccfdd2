//! Exports to and imports from what bytes can be written to and read from.

use std::io::SeekFrom;
use std::path::Path;

use kinto_protocol::{Export, ExportSoFar, Import, Imported, Result};
use tokio::fs::{File, OpenOptions};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

use crate::client::Client;
use crate::local::{at, local};

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

impl Client {
    /// Writes an export, in the memory of one page, and gives how many objects it has.
    ///
    /// When it fails in the middle, or is dropped, what has been written is the beginning of an export, and has no end.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be written.
    pub async fn export_to(&self, mut export: Export, mut to: impl AsyncWrite + Send + Unpin) -> Result<u64> {
        while let Some(lines) = self.send(&mut export).await? {
            to.write_all(&lines).await.map_err(local)?;
        }
        to.flush().await.map_err(local)?;
        Ok(export.objects())
    }

    /// Writes an export into a file, in the memory of one page, and gives how many objects it has.
    ///
    /// If the file has the beginning of that export already, it [goes on](Export::resume) behind it; if it has all of it,
    /// nothing is done. A file that holds anything else stays as it is, and is an error.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = kinto_async::Client::builder(server.url()).build()?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("blog.ndjson");
    /// let export = kinto_async::bucket("blog").export().at(std::time::SystemTime::now());
    /// let objects = client.export_file(export, &path).await?;
    /// assert_eq!(objects, 5); // a bucket, a collection and three records
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`export_to`](Self::export_to), and as [`Export::resume`].
    pub async fn export_file(&self, export: Export, path: impl AsRef<Path>) -> Result<u64> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).await.map_err(at(path))?;
        let (mut so_far, mut piece) = (ExportSoFar::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece).await.map_err(at(path))? {
                0 => break,
                length => so_far.take(&piece[..length])?,
            }
        }
        let export = export.resume(&so_far)?;
        file.set_len(so_far.kept()).await.map_err(at(path))?;
        file.seek(SeekFrom::End(0)).await.map_err(at(path))?;
        self.export_to(export, file).await
    }

    /// Imports what a reader gives, in constant memory.
    ///
    /// What is there and the same is not written: after an error or a dropped future, an import of the same goes on where it
    /// was. What failed for some objects only is told in [`Imported::failures`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`ErrorKind::Input`](kinto_protocol::ErrorKind::Input) for what is no export or has no end,
    /// and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be read.
    pub async fn import_from(
        &self,
        mut import: Import,
        mut from: impl AsyncBufRead + Send + Unpin,
    ) -> Result<Imported> {
        loop {
            let bytes = from.fill_buf().await.map_err(local)?;
            if bytes.is_empty() {
                break;
            }
            let taken = import.take(bytes)?;
            from.consume(taken);
            if import.is_full() {
                self.send(&mut import).await?;
            }
        }
        import.end()?;
        self.send(&mut import).await?;
        Ok(import.into_imported())
    }

    /// Imports a file, in constant memory.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = kinto_async::Client::builder(server.url()).auth("alexis:p4ssw0rd".parse()?).build()?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("blog.ndjson");
    /// # client.export_file(kinto_async::bucket("blog").export().at(std::time::SystemTime::now()), &path).await?;
    /// let import = kinto_async::Import::new().into_bucket("blog-copy").permissions();
    /// let imported = client.import_file(import, &path).await?;
    /// println!("{imported}"); // 5 created
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`import_from`](Self::import_from).
    pub async fn import_file(&self, import: Import, path: impl AsRef<Path>) -> Result<Imported> {
        let path = path.as_ref();
        let file = File::open(path).await.map_err(at(path))?;
        self.import_from(import, BufReader::with_capacity(PIECE, file)).await
    }
}
