//! Fetching the file of a record.
//!
//! ```text
//!  start ─┬─▶ GET the record ─┬─▶ GET / : where the server keeps files ─┬─▶ GET the file ─▶ size and SHA-256 ─▶ done
//!         └─── known ─────────┤                 known ──────────────────┘        │  ▲
//!                             └─▶ there is one here already ─▶ done, or an error └──┘ broken off, but further than before
//! ```

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};

use crate::attachment::{Attachment, Progress, RecordFile, attachment_of, no_file, no_hash};
use crate::call::Call;
use crate::endpoints;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::incoming::Incoming;
use crate::operation::Operation as _;
use crate::operations::server_info;
use crate::reply::Reply;
use crate::session::Session;
use crate::transfer::Transfer;

/// Fetches the file that is attached to a record, see [`RecordFile::download`] and [`Attachment::download`].
///
/// Sent as it is, it gives the content in memory, within [`Limits::response_bytes`](crate::Limits::response_bytes). Clients
/// fetch it piece by piece, in constant memory, with `download_to` and `download_file`. Either way its size and SHA-256 are
/// those that the record says, or it is an error.
///
/// The file is wherever the server says that it keeps files: credentials and headers of the caller's do not go there, and
/// a location that is not there is refused. What breaks off goes on where it stopped, where the file's server can do that.
#[derive(Clone, Debug, PartialEq)]
pub struct Download(Fetch);

/// What is to be fetched, and how.
#[derive(Clone)]
struct Wish {
    file: Place,
    base_url: Option<String>,
    allow_missing_hash: bool,
    overwrite: bool,
    progress: Option<Progress>,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Record(RecordFile),
    Known(Attachment),
}

/// A file that was fetched into memory, see [`Download`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// What the record says of it.
    pub attachment: Attachment,
    /// The content.
    pub content: Bytes,
}

impl Download {
    pub(crate) fn of_record(file: RecordFile) -> Self {
        Self::new(Place::Record(file))
    }

    pub(crate) fn of(attachment: Attachment) -> Self {
        Self::new(Place::Known(attachment))
    }

    fn new(file: Place) -> Self {
        let wish = Wish { file, base_url: None, allow_missing_hash: false, overwrite: false, progress: None };
        Self(Fetch { wish, here: None, attachment: None, under_way: None })
    }

    /// Takes files from below this URL, in place of the one that the server names: where they were moved, or are cached. A
    /// location below either of them is taken for one below this.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.0.wish.base_url = Some(url.into());
        self
    }

    /// Takes a file of which the record says no SHA-256: then only the size is checked.
    #[must_use]
    pub fn allow_missing_hash(mut self) -> Self {
        self.0.wish.allow_missing_hash = true;
        self
    }

    /// Replaces a file that is here under the name it is to have, and is another. Without this, that is an error.
    #[must_use]
    pub fn overwrite(mut self) -> Self {
        self.0.wish.overwrite = true;
        self
    }

    /// Whether it [overwrites](Self::overwrite).
    #[must_use]
    pub fn overwrites(&self) -> bool {
        self.0.wish.overwrite
    }

    /// Is told after each piece how many bytes have come, and how many there are.
    #[must_use]
    pub fn progress(mut self, told: impl Fn(u64, Option<u64>) + Send + Sync + 'static) -> Self {
        self.0.wish.progress = Some(Arc::new(told));
        self
    }

    /// The same for drivers that have a place for the bytes, and move them [piece by piece](crate::Exchange::by_pieces).
    /// `here` is the size and SHA-256 (in hexadecimal digits) of what stands in that place already, if anything does: the
    /// very file is not fetched again, and another is an error, unless it is to be [overwritten](Self::overwrite).
    #[must_use]
    pub fn by_pieces(self, here: Option<(u64, String)>) -> DownloadFile {
        DownloadFile(Fetch { here, ..self.0 })
    }
}

/// Fetches a file piece by piece, see [`Download::by_pieces`].
#[derive(Clone, Debug, PartialEq)]
pub struct DownloadFile(Fetch);

/// A file that was fetched piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// What the record says of it.
    pub attachment: Attachment,
    /// Whether nothing was fetched, as the file was there already.
    pub skipped: bool,
}

/// A file being fetched.
struct Fetch {
    wish: Wish,
    /// What is here already: its size and SHA-256.
    here: Option<(u64, String)>,
    attachment: Option<Attachment>,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    incoming: Arc<Incoming>,
    call: Arc<Call>,
    /// How much had come when it was asked for last.
    got: u64,
}

impl Fetch {
    fn start(&mut self, session: &Session) -> Result<Turn<Fetched>> {
        (self.attachment, self.under_way) = (None, None);
        match &self.wish.file {
            Place::Record(file) => file.get_record().call(session).map(Turn::ask),
            Place::Known(attachment) => {
                let attachment = attachment.clone();
                self.locate(session, attachment)
            }
        }
    }

    fn locate(&mut self, session: &Session, attachment: Attachment) -> Result<Turn<Fetched>> {
        let waived = attachment.hash.is_empty() && self.wish.allow_missing_hash;
        if !attachment.is_checkable() && !waived {
            return Err(no_hash().hint("if that is as it should be, allow_missing_hash()"));
        }
        match &self.here {
            Some((size, sha256)) if attachment.is(*size, sha256) => {
                return Ok(Turn::Done(Fetched { attachment, skipped: true }));
            }
            Some(_) if !self.wish.overwrite => {
                let error = Error::new(ErrorKind::Io, "there is another file already where this one is to go");
                return Err(error.hint("give it another name, or overwrite()"));
            }
            _ => {}
        }
        let base = self.wish.base_url.as_deref();
        let known = session.memory().has("attachments") || base.and_then(|base| below(&attachment, base)).is_some();
        self.attachment = Some(attachment);
        if known {
            return self.ask(session);
        }
        Ok(Turn::ask(Call::new(Method::GET, endpoints::root())))
    }

    fn ask(&mut self, session: &Session) -> Result<Turn<Fetched>> {
        let attachment = self.attachment.get_or_insert_default();
        let place = place(session, attachment, self.wish.base_url.as_deref())?;
        let incoming = Arc::new(Incoming::new(attachment, self.wish.progress.clone()));
        let call = Arc::new(Call::elsewhere(Method::GET, place).moving(Transfer::In(Arc::clone(&incoming))));
        self.under_way = Some(UnderWay { incoming, call: Arc::clone(&call), got: 0 });
        Ok(Turn::Ask(Ask::from(call).anew()))
    }

    fn resume(&mut self, session: &Session, reply: &Reply) -> Result<Turn<Fetched>> {
        if let Some(UnderWay { incoming, .. }) = &self.under_way {
            match reply.status() {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
                status => return Err(reply.success().err().unwrap_or_else(|| unexpected(status))),
            }
            // Of a driver that does not move files piece by piece, it is all here.
            if incoming.got() == 0 && !reply.body().is_empty() {
                incoming.begin(reply.status(), reply.headers())?;
                // That it is too much is said below, in better words.
                let _ = incoming.piece(reply.body());
            }
            incoming.verify()?;
            let attachment = self.attachment.take().unwrap_or_default();
            return Ok(Turn::Done(Fetched { attachment, skipped: false }));
        }
        match &self.wish.file {
            Place::Record(file) if self.attachment.is_none() => {
                let attachment = attachment_of(&file.get_record().parse(reply)?)?.ok_or_else(no_file)?;
                self.locate(session, attachment)
            }
            _ => {
                let info = server_info().parse(reply)?;
                session.memory().learn_capabilities(&info.capabilities);
                if !info.has("attachments") && self.wish.base_url.is_none() {
                    return Err(Error::missing_plugin("attachments", &info));
                }
                self.ask(session)
            }
        }
    }

    /// What breaks off is asked for once more as long as it comes further each time, however often that is.
    fn fail(&mut self, error: Error) -> Result<Turn<Fetched>> {
        let Some(under_way) = &mut self.under_way else { return Err(error) };
        if under_way.incoming.is_exceeded() {
            let excess = under_way.incoming.verify().err();
            return Err(excess.map_or(error, |excess| excess.during(under_way.call.line(), 1, None)));
        }
        let got = under_way.incoming.got();
        if got > under_way.got && matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Timeout) {
            under_way.got = got;
            return Ok(Turn::Ask(Ask::from(Arc::clone(&under_way.call)).anew()));
        }
        Err(error)
    }
}

fn unexpected(status: StatusCode) -> Error {
    Error::new(ErrorKind::Protocol, format!("the status {} is no answer to this request", status.as_u16()))
}

impl Flow for Download {
    type Output = Downloaded;

    fn start(&mut self, session: &Session) -> Result<Turn<Downloaded>> {
        let turn = self.0.start(session)?;
        self.in_memory(session, turn, Bytes::new())
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Downloaded>> {
        let turn = self.0.resume(session, &reply)?;
        self.in_memory(session, turn, reply.body().clone())
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Downloaded>> {
        let turn = self.0.fail(error)?;
        self.in_memory(session, turn, Bytes::new())
    }
}

impl Download {
    /// The same turn where all of the file is in one answer.
    fn in_memory(&self, session: &Session, turn: Turn<Fetched>, content: Bytes) -> Result<Turn<Downloaded>> {
        let most = session.policy().limits.response_bytes;
        match &self.0.under_way {
            Some(under_way) if under_way.incoming.size() > most => {
                let why = format!("the file has {} bytes, and may have {most} in memory", under_way.incoming.size());
                let error = Error::new(ErrorKind::TooLarge, why);
                Err(error.hint("fetch it piece by piece with download_to, or raise policy.limits.response_bytes"))
            }
            _ => Ok(turn.map(|fetched| Downloaded { attachment: fetched.attachment, content })),
        }
    }
}

impl Flow for DownloadFile {
    type Output = Fetched;

    fn start(&mut self, session: &Session) -> Result<Turn<Fetched>> {
        self.0.start(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Fetched>> {
        let in_memory = self.0.under_way.is_some() && !reply.body().is_empty() && reply.status().is_success();
        if in_memory {
            let error = Error::input("what sends this does not move files piece by piece");
            return Err(error.hint("leave out by_pieces(), and the file comes in memory"));
        }
        self.0.resume(session, &reply)
    }

    fn fail(&mut self, _: &Session, error: Error) -> Result<Turn<Fetched>> {
        self.0.fail(error)
    }
}

/// What its location says below this URL, if it is there.
fn below<'a>(attachment: &'a Attachment, base: &str) -> Option<&'a str> {
    let location = &attachment.location;
    // What has a scheme is no path, whatever it stands for.
    if location.split('/').next().is_some_and(|first| first.contains(':')) {
        location.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/')
    } else {
        Some(location.strip_prefix('/').unwrap_or(location))
    }
}

/// Where a file is. What the server says of it is anybody's words: it has to be below the place that files are kept in.
pub(crate) fn place(session: &Session, attachment: &Attachment, base_url: Option<&str>) -> Result<Uri> {
    let wrong = |why: &str| Error::new(ErrorKind::Attachment, format!("the file cannot be fetched: {why}"));
    let served = session.memory().capability("attachments");
    let named = || served.as_ref()?.get("base_url")?.as_str();
    let Some(base) = base_url.or_else(named).filter(|base| !base.is_empty()) else {
        return Err(wrong("the server does not say where it keeps files").hint("say it with base_url()"));
    };
    // What is kept at another place has the same path there.
    let moved = || named().filter(|named| !named.is_empty()).and_then(|named| below(attachment, named));
    let below = below(attachment, base).or_else(moved).ok_or_else(|| {
        let why = "its location is not where the server keeps files";
        wrong(why).hint("if it is to be trusted, say where files are with base_url()")
    })?;
    let base = base.trim_end_matches('/');
    let steps = |part: &str| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part.is_empty() || part == "." || part == ".." || part.contains("%2f") || part.contains("%5c")
    };
    let path = below.split('?').next().unwrap_or_default();
    if path.is_empty() || path.split('/').any(steps) || below.contains(['\\', '#']) {
        return Err(wrong("its location is not a path"));
    }
    session.elsewhere(&format!("{base}/{below}")).map_err(wrong)
}

impl Clone for Fetch {
    fn clone(&self) -> Self {
        Self { wish: self.wish.clone(), here: self.here.clone(), attachment: None, under_way: None }
    }
}

impl PartialEq for Fetch {
    fn eq(&self, other: &Self) -> bool {
        let of = |wish: &Wish| (wish.file.clone(), wish.base_url.clone(), wish.allow_missing_hash, wish.overwrite);
        of(&self.wish) == of(&other.wish) && self.here == other.here
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").field("file", &self.wish.file).field("here", &self.here).finish_non_exhaustive()
    }
}
