//! Files attached to records, moved piece by piece.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use kinto_protocol::{
    __Digest as Digest, Download, DownloadFile, FailureKind, Fetched, Limits, Request, Result, Transfer,
    TransportError, Upload, Uploaded,
};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::client::{Client, Sender};
use crate::local::{at, local};
use crate::pieces::{Content, Failure, PIECE, Pieces, Receiver};
use crate::transport::{Sending, Transport};
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
    pub async fn upload_from(&self, upload: Upload, content: impl AsyncRead + Send + 'static) -> Result<Uploaded> {
        let mut sender = Up { transport: &*self.transport, source: Source::Once(Some(Box::pin(content))) };
        let upload = upload.by_pieces(None, None, true);
        self.drive(&mut self.session().exchange(upload).by_pieces(), &mut sender).await
    }

    /// Attaches a file to a record, in constant memory. It is read once before, unless it is to be sent
    /// [always](kinto_protocol::Upload::always), to know whether the record has it already.
    ///
    /// ```no_run
    /// # // It takes a server that keeps files: the guide to attachments, of kinto-blocking, runs the same.
    /// # async fn example() -> Result<(), kinto_async::Error> {
    /// # let client = kinto_async::Client::builder("http://localhost:8888/v1").build()?;
    /// let photo = kinto_async::bucket("blog").collection("posts").attachment("hello");
    /// let uploaded = client.upload_file(photo.upload("hello.jpg"), "/home/me/Pictures/IMG_0042.jpg").await?;
    /// println!("{} bytes at {}", uploaded.attachment.size, uploaded.attachment.location);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upload_from`](Self::upload_from).
    pub async fn upload_file(&self, upload: Upload, path: impl AsRef<Path>) -> Result<Uploaded> {
        let path = path.as_ref();
        let mut file = File::open(path).await.map_err(at(path))?;
        let (size, sha256) = if upload.wants_sha256() {
            let (size, sha256) = digest(&mut file).await.map_err(at(path))?;
            (size, Some(sha256))
        } else {
            (file.metadata().await.map_err(at(path))?.len(), None)
        };
        drop(file);
        let mut sender = Up { transport: &*self.transport, source: Source::File(path.to_owned()) };
        let upload = upload.by_pieces(Some(size), sha256, false);
        self.drive(&mut self.session().exchange(upload).by_pieces(), &mut sender).await
    }

    /// Fetches the file of a record and writes it, in constant memory.
    ///
    /// What is written is the file only if this is a success: when it fails in the middle, or is dropped, the beginning has
    /// been written. [`download_file`](Self::download_file) leaves nothing behind.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`ErrorKind::Attachment`](kinto_protocol::ErrorKind::Attachment) when it is not what its
    /// record says, and [`ErrorKind::Io`](kinto_protocol::ErrorKind::Io) when it cannot be written.
    pub async fn download_to(&self, download: Download, mut to: impl AsyncWrite + Send + Unpin) -> Result<Fetched> {
        let fetched = self.fetch(download.by_pieces(None), Target::Writer(&mut to)).await?;
        to.flush().await.map_err(local)?;
        Ok(fetched)
    }

    /// Fetches the file of a record into a file, in constant memory. It has that name only once it is whole and what its
    /// record says; until then, and if the future is dropped, it is another one in the same folder, or gone.
    ///
    /// If there is that very file already, nothing is fetched. If there is another, that is an error, unless it is to be
    /// [overwritten](kinto_protocol::Download::overwrite).
    ///
    /// ```no_run
    /// # // It takes a server that keeps files: the guide to attachments, of kinto-blocking, runs the same.
    /// # async fn example() -> Result<(), kinto_async::Error> {
    /// # let client = kinto_async::Client::builder("http://localhost:8888/v1").build()?;
    /// # let folder = std::path::Path::new("/tmp");
    /// let photo = kinto_async::bucket("blog").collection("posts").attachment("hello");
    /// if let Some(attachment) = client.send(photo.get()).await? {
    ///     client.download_file(attachment.download(), folder.join(attachment.safe_name())).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`download_to`](Self::download_to).
    pub async fn download_file(&self, download: Download, path: impl AsRef<Path>) -> Result<Fetched> {
        let path = path.as_ref();
        let here = match File::open(path).await {
            Ok(mut file) => Some(digest(&mut file).await.map_err(at(path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(path)(error)),
        };
        let overwrites = download.overwrites();
        let mut unfinished = Unfinished::new(path);
        let fetched = self.fetch(download.by_pieces(here), Target::File(&mut unfinished)).await?;
        if !fetched.skipped {
            unfinished.finish(overwrites).await.map_err(at(path))?;
        }
        Ok(fetched)
    }

    async fn fetch(&self, download: DownloadFile, to: Target<'_>) -> Result<Fetched> {
        let mut sender = Down { transport: &*self.transport, to };
        self.drive(&mut self.session().exchange(download).by_pieces(), &mut sender).await
    }
}

/// Where the content of a file comes from.
enum Source {
    /// It can be read once.
    Once(Option<Content>),
    /// It can be read anew each time.
    File(PathBuf),
}

impl Source {
    async fn open(&mut self) -> Result<Content, TransportError> {
        match self {
            Self::Once(content) => {
                content.take().ok_or_else(|| TransportError::new(FailureKind::Local, "it can be read only once"))
            }
            Self::File(path) => Ok(Box::pin(File::open(path).await.map_err(local)?)),
        }
    }
}

struct Up<'a> {
    transport: &'a dyn Transport,
    source: Source,
}

impl Sender for Up<'_> {
    fn send(&mut self, request: Request, limits: Limits, transfer: Option<Transfer>) -> Sending<'_> {
        let Some(Transfer::Out(outgoing)) = transfer else { return self.transport.send(request, limits) };
        Box::pin(async move {
            let failure = Failure::default();
            let pieces = Pieces::new(outgoing, self.source.open().await?, Failure::clone(&failure));
            let outcome = self.transport.upload(request, pieces, limits).await;
            let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            failure.map_or(outcome, Err)
        })
    }
}

/// Where the content of a file goes.
enum Target<'a> {
    Writer(&'a mut (dyn AsyncWrite + Send + Unpin)),
    File(&'a mut Unfinished),
}

struct Down<'a, 'b> {
    transport: &'a dyn Transport,
    to: Target<'b>,
}

impl Sender for Down<'_, '_> {
    fn send(&mut self, request: Request, limits: Limits, transfer: Option<Transfer>) -> Sending<'_> {
        let Some(Transfer::In(incoming)) = transfer else { return self.transport.send(request, limits) };
        Box::pin(async move {
            let to: &mut (dyn AsyncWrite + Send + Unpin) = match &mut self.to {
                Target::Writer(to) => *to,
                Target::File(unfinished) => unfinished.writer().await.map_err(local)?,
            };
            let mut receiver = Receiver::new(incoming, to);
            self.transport.download(request, &mut receiver, limits).await
        })
    }
}

/// The size and SHA-256 of a file, read from where it stands.
async fn digest(file: &mut File) -> io::Result<(u64, String)> {
    let (mut digest, mut buffer) = (Digest::default(), vec![0; PIECE]);
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(digest.finish()),
            length => digest.update(&buffer[..length]),
        }
    }
}
