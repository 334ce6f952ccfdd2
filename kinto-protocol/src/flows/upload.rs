//! Attaching a file to a record.
//!
//! ```text
//!  start ─┬─ together with the record ─▶ (GET it as it is) ─▶ PUT the record ─┐
//!         ├─ its SHA-256 is known ─▶ GET the record ─┬─ another file ─────────┤
//!         │                                          └─ the same ─▶ HEAD it ──┤ not there
//!         └───────────────────────────────────────────────────────────────────┴─▶ POST the file
//!
//!  HEAD ── it is there ─▶ (PATCH the record, where that changes anything) ─▶ done
//!  POST ─┬─ done ─▶ it has what was sent ─▶ done
//!        ├─ lost ─▶ GET the record ─┬─ it has the file ─▶ done
//!        │                          └─ it has not ─▶ an error, in doubt if no answer came
//!        └─ refused, surely ─▶ (the record is put back as it was) ─▶ an error
//! ```

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::attachment::{Attachment, Progress, RecordFile, attachment_of, hex};
use crate::call::{Call, Class, Precondition};
use crate::error::{Error, ErrorKind, Result};
use crate::file_name;
use crate::flow::{Ask, Flow, Turn};
use crate::flows::download;
use crate::json;
use crate::multipart;
use crate::object::Object;
use crate::operation::Operation as _;
use crate::operations::Put;
use crate::outgoing::Outgoing;
use crate::patch::{Attributes, Envelope, Patch as _};
use crate::permissions::Permissions;
use crate::reply::Reply;
use crate::resource::call;
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::transfer::Transfer;

/// What is attached to which record, and how: see [`RecordFile::upload`]. With the content it can be sent.
///
/// A file that the record has already is not sent again, see [`always`](Self::always). If an upload fails, the record is
/// as it was, or the error says that it [may have been applied](Error::maybe_applied): the server deletes the file that
/// was there before it looks at the new one, so that nobody can promise more.
#[must_use]
#[derive(Clone)]
pub struct Upload {
    file: RecordFile,
    name: String,
    media_type: Option<String>,
    content: Envelope,
    together_with: Option<Put<crate::object::JsonMap>>,
    any_extension: bool,
    always: bool,
    progress: Option<Progress>,
}

impl Upload {
    pub(crate) fn new(file: RecordFile, name: String) -> Self {
        Self {
            file,
            name,
            media_type: None,
            content: Envelope { data: None, permissions: None },
            together_with: None,
            any_extension: false,
            always: false,
            progress: None,
        }
    }

    /// Of this media type. Without, it is guessed from the name; servers have a word in it for some endings.
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Sets these fields of the record in the same request, and leaves the others: as a PATCH with
    /// [`Attributes`](crate::Attributes) does.
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.content.data = Envelope::data(data).data;
        self
    }

    /// Sets these permissions of the record in the same request, and leaves those that are not named.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.content.permissions = Some(permissions);
        self
    }

    /// Writes the record first, and makes one thing of both: if the file is refused, a record that was created is deleted
    /// again, and one that was replaced is put back, unless somebody else changed it in the meantime. So preconditions hold
    /// that the server does not know for files.
    ///
    /// ```
    /// use kinto_protocol::bucket;
    /// use serde_json::json;
    ///
    /// let posts = bucket("blog").collection("posts");
    /// let create = posts.records().create("hello", &json!({"title": "Hello"}));
    /// let both = posts.attachment("hello").upload("hello.jpg").together_with(create).content(&b"..."[..]);
    /// # let _ = both;
    /// ```
    pub fn together_with<T>(mut self, put: Put<T>) -> Self {
        self.together_with = Some(put.untyped());
        self
    }

    /// Sends it whatever its ending. Without this, files are refused here which a server refuses that is not configured
    /// otherwise: it would have deleted the file that was there by then.
    pub fn any_extension(mut self) -> Self {
        self.any_extension = true;
        self
    }

    /// Sends it also where the record has it. Without this, the record is read first, and what has the same name, size and
    /// SHA-256, and is where it should be, stays.
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Is told after each piece how many bytes were sent, and how many there are, where that is known.
    pub fn progress(mut self, told: impl Fn(u64, Option<u64>) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(told));
        self
    }

    /// Whether it is worth knowing the SHA-256 beforehand: for drivers that can find it out.
    #[must_use]
    pub fn wants_sha256(&self) -> bool {
        !self.always && self.together_with.is_none()
    }

    /// With this content.
    pub fn content(self, content: impl Into<Bytes>) -> UploadFile {
        let bytes = content.into();
        let (size, sha256) = (Some(bytes.len() as u64), Some(hex(&Sha256::digest(&bytes))));
        UploadFile::new(self, Content { bytes: Some(bytes), size, sha256, once: false })
    }

    /// With content that the driver has and moves [piece by piece](crate::Exchange::by_pieces): of that size and SHA-256 (in
    /// hexadecimal digits), where they are known, and which can be read again, or only `once`.
    pub fn by_pieces(self, size: Option<u64>, sha256: Option<String>, once: bool) -> UploadFile {
        UploadFile::new(self, Content { bytes: None, size, sha256, once })
    }
}

/// What is sent.
#[derive(Clone)]
struct Content {
    /// The content, unless the driver has it.
    bytes: Option<Bytes>,
    size: Option<u64>,
    sha256: Option<String>,
    once: bool,
}

/// Attaches a file to a record, see [`Upload`].
pub struct UploadFile {
    upload: Upload,
    content: Content,
    stage: Stage,
    /// The record as it was.
    before: Option<Object>,
    /// Whether there was no record, as far as that is known.
    absent: bool,
    /// The record as it was written for this.
    written: Option<Object>,
    outgoing: Option<Arc<Outgoing>>,
}

/// What was asked last.
enum Stage {
    /// The record, before it is replaced.
    Before,
    /// To write the record.
    Write,
    /// The record, for the file that it has.
    Look,
    /// Whether the file is there.
    Probe(Attachment),
    /// To change the record alone.
    Patch(Attachment),
    /// To take the file.
    Post,
    /// The record, as nobody knows what became of the file. `answered` if the server is done with it.
    Settle { lost: Error, answered: bool },
    /// To put back the record.
    Undo(Error),
    /// Nothing more.
    Over,
}

/// What came of attaching a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// What the record says of the file.
    pub attachment: Attachment,
    /// When the record last changed.
    pub last_modified: Option<Timestamp>,
    /// Whether the record was created by it.
    pub created: bool,
    /// Whether nothing was sent, as the record has this very file.
    pub skipped: bool,
    /// Whether the answer was lost, and the record shows that the file had been taken.
    pub repeated: bool,
}

impl UploadFile {
    fn new(upload: Upload, content: Content) -> Self {
        Self { upload, content, stage: Stage::Over, before: None, absent: false, written: None, outgoing: None }
    }

    fn media_type(&self) -> &str {
        self.upload.media_type.as_deref().unwrap_or_else(|| multipart::media_type(&self.upload.name))
    }

    fn get(&mut self, session: &Session, stage: Stage) -> Result<Turn<Uploaded>> {
        self.stage = stage;
        self.upload.file.get_record().call(session).map(Turn::ask)
    }

    /// The put that comes first, of this very record.
    fn put(&mut self) -> Result<&mut Put<crate::object::JsonMap>> {
        let path = self.upload.file.record();
        let put = self.upload.together_with.as_mut().ok_or_else(|| Error::input("no record is written with it"))?;
        if put.path().as_ref().map(|path| path.as_str()) != Some(path.as_str()) {
            let why = "the record that is written together with a file must be the one that the file is attached to";
            return Err(Error::input(why).hint("give it the same id"));
        }
        Ok(put)
    }

    fn write(&mut self, session: &Session) -> Result<Turn<Uploaded>> {
        self.stage = Stage::Write;
        // It is in vain where files cannot be attached.
        self.put()?.call(session).map(|call| Turn::ask(call.needing("attachments")))
    }

    fn post(&mut self, session: &Session) -> Result<Turn<Uploaded>> {
        self.stage = Stage::Post;
        let mut fields = Vec::new();
        if let Some(data) = self.upload.content.checked_data()? {
            fields.push(("data", Bytes::copy_from_slice(data)));
        }
        if let Some(permissions) = &self.upload.content.permissions {
            fields.push(("permissions", json::to_bytes(permissions)?));
        }
        let boundary = session.memory().boundary();
        let frame = multipart::frame(&boundary, &fields, &self.upload.name, self.media_type())?;
        let Content { bytes, size, once, .. } = &self.content;
        let post = Call::new(Method::POST, self.upload.file.path()).class(Class::Once);
        let post = match bytes {
            Some(content) => post.form(&frame.content_type, [&frame.head[..], content, &frame.tail].concat().into())?,
            None => {
                let file = Outgoing::new(frame.head, frame.tail, *size, *once, self.upload.progress.clone());
                let file = self.outgoing.insert(Arc::new(file));
                post.form(&frame.content_type, Bytes::new())?.moving(Transfer::Out(Arc::clone(file)))
            }
        };
        Ok(Turn::Ask(Ask::from(post).anew()))
    }

    /// The size and SHA-256 of what was sent, if all of it was.
    fn sent(&self) -> Option<(u64, String)> {
        match &self.outgoing {
            Some(file) => file.sent(),
            None => self.content.size.zip(self.content.sha256.clone()),
        }
    }

    /// Whether the record has the very file that is to be sent.
    fn is_same(&self, there: &Attachment) -> bool {
        let Content { size: Some(size), sha256: Some(sha256), .. } = &self.content else { return false };
        // The server may leave its parameters away.
        let plain = |media_type: &str| media_type.split(';').next().map(|it| it.trim().to_ascii_lowercase());
        let typed = self.upload.media_type.as_ref().is_none_or(|wanted| plain(wanted) == plain(&there.mimetype));
        there.is(*size, sha256) && there.filename == self.upload.name && typed
    }

    /// Takes the record as it is, before anything is sent.
    fn looked(&mut self, session: &Session, reply: &Reply) -> Result<Turn<Uploaded>> {
        self.absent = reply.status() == StatusCode::NOT_FOUND;
        // To create records is not to read them: whether that may be is for the server to say.
        if matches!(reply.status(), StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return self.post(session);
        }
        let record = self.upload.file.get_record().parse(reply)?;
        // What cannot be understood is not the same.
        let there = attachment_of(&record).ok().flatten();
        self.before = Some(record);
        match there.filter(|there| self.is_same(there)) {
            // Where it cannot be looked for, it is sent.
            Some(there) => match download::place(session, &there, None) {
                Ok(place) => {
                    self.stage = Stage::Probe(there);
                    Ok(Turn::ask(Call::elsewhere(Method::HEAD, place)))
                }
                Err(_) => self.post(session),
            },
            None => self.post(session),
        }
    }

    /// The file stays; the rest of the record is changed, where that changes anything.
    fn skip(&mut self, there: Attachment) -> Result<Turn<Uploaded>> {
        let patch = Attributes(self.upload.content.clone());
        let nothing = self.upload.content.data.is_none() && self.upload.content.permissions.is_none();
        if nothing || self.before.as_ref().is_some_and(|record| patch.is_met_by(record)) {
            let last_modified = self.before.as_ref().map(|record| record.last_modified);
            return Ok(Turn::Done(Uploaded::kept(there, last_modified)));
        }
        self.stage = Stage::Patch(there);
        let call = call(Method::PATCH, self.upload.file.record(), Precondition::None).class(Class::Repeatable);
        Ok(Turn::ask(call.json_body(patch.body()?)))
    }

    /// Takes the answer to the file.
    fn posted(&mut self, session: &Session, reply: Reply) -> Result<Turn<Uploaded>> {
        if reply.status().is_client_error() && reply.in_doubt_since().is_none() {
            return self.refused(reply.blame(reply.error()));
        }
        // A success is one also where its answer cannot be read.
        let attachment: Attachment = match reply.json() {
            Ok(attachment) => attachment,
            Err(error) => return self.get(session, Stage::Settle { lost: reply.blame(error), answered: true }),
        };
        let (size, sha256) = self.sent().unwrap_or_default();
        if let Some(told) = self.upload.progress.as_ref().filter(|_| self.outgoing.is_none()) {
            told(size, Some(size));
        }
        if !attachment.is(size, &sha256) {
            let has = format!("{} bytes with the SHA-256 {}", attachment.size, attachment.hash);
            let why = format!("the server has {has}, where {size} bytes with the SHA-256 {sha256} were sent");
            return Err(Error::new(ErrorKind::Attachment, why));
        }
        let created = reply.status() == StatusCode::CREATED;
        let created = created || (self.written.is_some() && self.before.is_none());
        let last_modified = reply.timestamp();
        Ok(Turn::Done(Uploaded { attachment, last_modified, created, skipped: false, repeated: false }))
    }

    /// The file was surely not taken: what was written for it is taken back.
    fn refused(&mut self, refusal: Error) -> Result<Turn<Uploaded>> {
        // It was about to do what was asked: what it refuses, or aborts for others, has begun by deleting.
        let begun = matches!(refusal.status(), Some(StatusCode::BAD_REQUEST | StatusCode::CONFLICT));
        let had_one = match &self.before {
            Some(record) => Some(record.data.get("attachment").is_some_and(|it| !it.is_null())),
            None => (self.absent || self.written.is_some()).then_some(false),
        };
        let refusal = match had_one {
            Some(true) if begun => refusal.hint("the server has deleted the file that was there: upload it again"),
            None if begun => refusal.hint("if there was a file, the server has deleted it: upload it again"),
            _ => refusal,
        };
        let Some(written) = &self.written else { return Err(refusal) };
        let unchanged = Precondition::Unchanged(written.last_modified);
        let path = self.upload.file.record();
        let undo = match &self.before {
            None => call(Method::DELETE, path, unchanged),
            Some(before) => {
                let mut envelope = Envelope::data(&before.data);
                // Those that are not visible were not read. They are still there, unless they were replaced.
                envelope.permissions.clone_from(&before.permissions);
                envelope.settle_id(&before.id, path.in_default_bucket())?;
                call(Method::PUT, path, unchanged).json_body(envelope.body()?)
            }
        };
        self.written = None;
        self.stage = Stage::Undo(refusal);
        Ok(Turn::ask(undo))
    }

    /// Takes the record, to see whether it has the file whose answer was lost.
    fn settled(&mut self, reply: &Reply, lost: Error, answered: bool) -> Result<Turn<Uploaded>> {
        let Ok(record) = self.upload.file.get_record().parse(reply) else { return Err(lost) };
        let sent = self.sent();
        let was = self.before.as_ref().and_then(|record| attachment_of(record).ok().flatten());
        let there = attachment_of(&record).ok().flatten();
        let ours = there.filter(|there| {
            // Each upload has a place of its own.
            let new = was.is_none_or(|was| was.location != there.location);
            new && there.filename == self.upload.name && sent.is_some_and(|(size, sha256)| there.is(size, &sha256))
        });
        if let Some(attachment) = ours {
            let last_modified = Some(record.last_modified);
            let created = self.before.is_none() && self.written.is_some();
            return Ok(Turn::Done(Uploaded { attachment, last_modified, created, skipped: false, repeated: true }));
        }
        let untouched = self.written.as_ref().is_some_and(|written| written.last_modified == record.last_modified);
        // A server that has answered is done with it, and the record says that nothing came of it.
        if answered && untouched { self.refused(lost) } else { Err(lost) }
    }
}

impl Flow for UploadFile {
    type Output = Uploaded;

    fn start(&mut self, session: &Session) -> Result<Turn<Uploaded>> {
        (self.before, self.absent, self.written, self.outgoing) = (None, false, None, None);
        file_name::check(&self.upload.name, self.upload.any_extension)?;
        multipart::check(self.media_type())?;
        let file = &self.upload.file;
        self.upload.content.settle_id(file.id(), file.record().in_default_bucket())?;
        self.upload.content.checked_data()?;
        if self.upload.together_with.is_some() {
            return match self.put()?.creates() {
                true => self.write(session),
                false => self.get(session, Stage::Before),
            };
        }
        if self.upload.always || self.content.sha256.is_none() {
            self.post(session)
        } else {
            self.get(session, Stage::Look)
        }
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Uploaded>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Before => {
                // Whether it has to be there is for the write to say.
                if reply.status() != StatusCode::NOT_FOUND {
                    self.before = Some(self.upload.file.get_record().parse(&reply)?);
                }
                self.write(session)
            }
            Stage::Write => match self.put()?.resume(session, reply)? {
                Turn::Done(written) => {
                    self.written = Some(written);
                    self.post(session)
                }
                Turn::Ask(ask) => {
                    self.stage = Stage::Write;
                    Ok(Turn::Ask(ask))
                }
                Turn::Fork(fork) => Ok(Turn::Fork(fork)),
            },
            Stage::Look => self.looked(session, &reply),
            Stage::Probe(there) => {
                let length = reply.headers().get(http::header::CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
                let whole = length.is_none_or(|length| length == there.size);
                if reply.status() == StatusCode::OK && whole { self.skip(there) } else { self.post(session) }
            }
            Stage::Patch(there) => {
                reply.success()?;
                Ok(Turn::Done(Uploaded::kept(there, reply.timestamp())))
            }
            Stage::Post => self.posted(session, reply),
            Stage::Settle { lost, answered } => self.settled(&reply, lost, answered),
            Stage::Undo(refusal) => Err(undone(reply.success().map(drop), refusal)),
            Stage::Over => Err(Error::new(ErrorKind::Other, "this upload is over")),
        }
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Uploaded>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            // Where nobody tells whether it is there, it is sent.
            Stage::Probe(_) => self.post(session),
            Stage::Post if error.maybe_applied() => self.get(session, Stage::Settle { lost: error, answered: false }),
            // Nothing of it, or not all, has reached the server.
            Stage::Post => self.refused(error),
            Stage::Settle { lost, .. } => Err(lost),
            Stage::Undo(refusal) => Err(undone(Err(error), refusal)),
            Stage::Before | Stage::Write | Stage::Look | Stage::Patch(_) | Stage::Over => Err(error),
        }
    }
}

/// The refusal, and what became of the record that was written for the file.
fn undone(outcome: Result<()>, refusal: Error) -> Error {
    match outcome {
        Ok(()) => refusal.prefix("the record is as it was, as its file was not taken: ").refuted(),
        Err(error) => {
            refusal.prefix(&format!("its file was not taken, and the record could not be put back ({error}): "))
        }
    }
}

impl Uploaded {
    /// Nothing was sent.
    fn kept(attachment: Attachment, last_modified: Option<Timestamp>) -> Self {
        Self { attachment, last_modified, created: false, skipped: true, repeated: false }
    }
}

impl Clone for UploadFile {
    fn clone(&self) -> Self {
        Self::new(self.upload.clone(), self.content.clone())
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("file", &self.file).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for UploadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadFile")
            .field("upload", &self.upload)
            .field("size", &self.content.size)
            .finish_non_exhaustive()
    }
}
