//! Files attached to records, moved piece by piece.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use kinto_protocol::{
    __Digest as Digest, Download, DownloadFile, Fetched, Result, Transfer, Upload, UploadFile, Uploaded,
};

use crate::client::Client;
use crate::local::{at, local};
use crate::pieces::{PIECE, Pieces, Receiver};
use crate::unfinished::Unfinished;

impl Client {
    /// Attaches what a reader gives to a record, in constant memory.
    ///
    /// It can be read only once: where it would have to be sent again, that is an error. So is a 409, by which servers on
    /// PostgreSQL abort one of several uploads at a time, to whatever records they are. For what lies in a file,
    /// [`upload_file`](Self::upload_file) knows more; for what lies in memory, [`content`](kinto_protocol::Upload::content).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be read.
    pub fn upload_from(&self, upload: Upload, mut content: impl Read) -> Result<Uploaded> {
        self.upload(upload.by_pieces(None, None, true), &mut content, |_| Ok(()))
    }

    /// Attaches a file to a record, in constant memory. It is read once before, unless it is to be sent
    /// [always](kinto_protocol::Upload::always), to know whether the record has it already.
    ///
    /// ```no_run
    /// # // It takes a server that keeps files: the guide to attachments has one, and runs the same.
    /// # let client = kinto_blocking::Client::builder("http://localhost:8888/v1").build()?;
    /// let photo = kinto_blocking::bucket("blog").collection("posts").attachment("hello");
    /// let uploaded = client.upload_file(photo.upload("hello.jpg"), "/home/me/Pictures/IMG_0042.jpg")?;
    /// println!("{} bytes at {}", uploaded.attachment.size, uploaded.attachment.location);
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upload_from`](Self::upload_from).
    pub fn upload_file(&self, upload: Upload, path: impl AsRef<Path>) -> Result<Uploaded> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(at(path))?;
        let (size, sha256) = if upload.wants_sha256() {
            let (size, sha256) = digest(&mut file).map_err(at(path))?;
            (size, Some(sha256))
        } else {
            (file.metadata().map_err(at(path))?.len(), None)
        };
        self.upload(upload.by_pieces(Some(size), sha256, false), &mut file, |file| file.rewind())
    }

    fn upload<R: Read>(
        &self,
        upload: UploadFile,
        content: &mut R,
        rewind: impl Fn(&mut R) -> io::Result<()>,
    ) -> Result<Uploaded> {
        self.drive(self.session().exchange(upload).by_pieces(), |request, limits, transfer| match transfer {
            Some(Transfer::Out(outgoing)) => {
                rewind(content).map_err(local)?;
                let mut pieces = Pieces::new(outgoing, content);
                let outcome = self.transport.upload(request, &mut pieces, limits);
                pieces.failure().map_or(outcome, Err)
            }
            _ => self.transport.send(request, limits),
        })
    }

    /// Fetches the file of a record and writes it, in constant memory.
    ///
    /// What is written is the file only if this is a success: when it fails in the middle, the beginning has been written.
    /// [`download_file`](Self::download_file) leaves nothing behind.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`ErrorKind::Attachment`](kinto_protocol::ErrorKind::Attachment) when it is not what its
    /// record says, and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be written.
    pub fn download_to(&self, download: Download, mut to: impl Write) -> Result<Fetched> {
        let fetched = self.fetch(download.by_pieces(None), &mut to, |_| Ok(()))?;
        to.flush().map_err(local)?;
        Ok(fetched)
    }

    /// Fetches the file of a record into a file, in constant memory. It has that name only once it is whole and what its
    /// record says; until then it is another one in the same folder.
    ///
    /// If there is that very file already, nothing is fetched. If there is another, that is an error, unless it is to be
    /// [overwritten](kinto_protocol::Download::overwrite).
    ///
    /// ```no_run
    /// # // It takes a server that keeps files: the guide to attachments has one, and runs the same.
    /// # let client = kinto_blocking::Client::builder("http://localhost:8888/v1").build()?;
    /// # let folder = std::path::Path::new("/tmp");
    /// let photo = kinto_blocking::bucket("blog").collection("posts").attachment("hello");
    /// if let Some(attachment) = client.send(photo.get())? {
    ///     client.download_file(attachment.download(), folder.join(attachment.safe_name()))?;
    /// }
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`download_to`](Self::download_to).
    pub fn download_file(&self, download: Download, path: impl AsRef<Path>) -> Result<Fetched> {
        let path = path.as_ref();
        let here = match File::open(path) {
            Ok(mut file) => Some(digest(&mut file).map_err(at(path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(path)(error)),
        };
        let overwrites = download.overwrites();
        let mut unfinished = Unfinished::new(path);
        let fetched = self.fetch(download.by_pieces(here), &mut unfinished, |it| it.file().map(drop))?;
        if !fetched.skipped {
            unfinished.finish(overwrites).map_err(at(path))?;
        }
        Ok(fetched)
    }

    fn fetch<W: Write>(
        &self,
        download: DownloadFile,
        to: &mut W,
        open: impl Fn(&mut W) -> io::Result<()>,
    ) -> Result<Fetched> {
        self.drive(self.session().exchange(download).by_pieces(), |request, limits, transfer| match transfer {
            Some(Transfer::In(incoming)) => {
                open(to).map_err(local)?;
                self.transport.download(request, &mut Receiver::new(incoming, to), limits)
            }
            _ => self.transport.send(request, limits),
        })
    }
}

/// The size and SHA-256 of a file, read from its beginning.
fn digest(file: &mut File) -> io::Result<(u64, String)> {
    file.seek(SeekFrom::Start(0))?;
    let (mut digest, mut buffer) = (Digest::default(), vec![0; PIECE]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.finish()),
            Ok(length) => digest.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
