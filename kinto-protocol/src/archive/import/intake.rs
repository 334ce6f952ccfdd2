//! Chunks out of the bytes of an export.

use crate::archive::export_so_far::{no_export, parse};
use crate::archive::import::{Chunk, Import, What};
use crate::archive::line::{ExportHeader, ExportLine, ExportedObject, ExportedPermissions};
use crate::archive::lines::at_line;
use crate::archive::place::Place;
#[cfg(feature = "yaml")]
use crate::archive::tree::Own;
use crate::error::{Error, Result};
use crate::object::JsonMap;
use crate::permissions::Permissions;
use crate::resource::Kind;
use crate::sync::Wanted;
use crate::timestamp::Timestamp;

/// How many objects are compared and written at a time.
const AT_ONCE: usize = 100;

/// How many bytes their ids have: these have to fit into a URL.
const IDS: usize = 4_000;

/// How many bytes of lines are held at a time, but for one line.
const BYTES: usize = 1024 * 1024;

impl Import {
    /// Takes some bytes of the export, and gives how many. When it is [full](Self::is_full), it is to be sent before it takes
    /// more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is no export, with the number of the line.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_full() {
            let (used, line) = self.lines.take(&bytes[taken..])?;
            taken += used;
            if let Some(line) = line {
                self.line(&line).map_err(at_line(self.lines.number))?;
            }
        }
        Ok(taken)
    }

    /// Whether it is to be sent.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let enough = |chunk: &Chunk| match &chunk.what {
            What::Wanted(wanted) => {
                let ids: usize = wanted.iter().map(|wanted| wanted.id().len()).sum();
                wanted.len() >= AT_ONCE || ids >= IDS || chunk.bytes >= BYTES
            }
            What::Extra(_) => true,
        };
        self.next.is_some() || self.chunk.as_ref().is_some_and(enough)
    }

    /// No more bytes come. It is to be sent once more then.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when they were no export.
    pub fn end(&mut self) -> Result<()> {
        let rest = self.lines.rest();
        // Of a line that breaks off in the middle nothing is known; that the end is missing is said when the rest is done.
        if serde_json::from_str::<serde::de::IgnoredAny>(&String::from_utf8_lossy(&rest)).is_ok() {
            self.line(&rest).map_err(at_line(self.lines.number))?;
        }
        self.over = true;
        if self.header.is_some() { Ok(()) } else { Err(no_export()) }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        // A file may have been edited.
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let parsed = parse(line)?;
        match (parsed, &self.header) {
            (ExportLine::Header(header), None) => self.begin(header),
            (_, None) => Err(no_export()),
            (ExportLine::Header(_), Some(_)) => Err(Error::input("another export begins here").hint("one at a time")),
            (_, Some(_)) if self.ended => Err(Error::input("something comes after the end of the export")),
            (ExportLine::End(_), Some(_)) => {
                self.ended = true;
                Ok(())
            }
            (ExportLine::Object(object), Some((_, of))) => {
                let of = of.clone();
                self.object(object, &of, line.len())
            }
        }
    }

    fn begin(&mut self, header: ExportHeader) -> Result<()> {
        let of = Place::parse(&header.path)?;
        if !matches!(of.kind(), Kind::Bucket | Kind::Collection) {
            return Err(Error::input(format!("there are no exports of {}", header.path)));
        }
        if self.delete_extra {
            self.extra.covers(&self.names.of(&of));
        }
        self.header = Some((header, of));
        Ok(())
    }

    fn object(&mut self, object: ExportedObject, of: &Place, bytes: usize) -> Result<()> {
        let from = Place::parse(&object.path)?;
        if !from.is_within(of) {
            return Err(Error::input(format!("{} is not in {}, which this is an export of", object.path, of.path())));
        }
        let to = self.names.of(&from);
        if self.delete_extra && to.kind() == Kind::Collection {
            self.extra.covers(&to);
        }
        let wanted = self.wanted(object, &from, &to)?;
        self.add(&to, wanted, bytes);
        Ok(())
    }

    fn add(&mut self, to: &Place, wanted: Wanted, bytes: usize) {
        let list = to.list();
        if self.delete_extra {
            self.extra.has(&list, to.id());
        }
        match &mut self.chunk {
            Some(chunk) if chunk.list == list => {
                chunk.bytes += bytes;
                if let What::Wanted(others) = &mut chunk.what {
                    // Of several lines of one object, the last counts.
                    others.retain(|other| other.id() != wanted.id());
                    others.push(wanted);
                }
            }
            Some(_) => self.next = Some((list, wanted)),
            None => self.chunk = Some(Chunk { list, what: What::Wanted(vec![wanted]), bytes }),
        }
    }

    fn wanted(&self, object: ExportedObject, from: &Place, to: &Place) -> Result<Wanted> {
        let ExportedObject { data, permissions, .. } = object;
        if data.get("id").is_some_and(|id| id != from.id()) {
            return Err(Error::input(format!("its data say that {} has another id", object.path)));
        }
        let permissions = match permissions {
            ExportedPermissions::Visible(permissions) => Some(permissions),
            ExportedPermissions::NotRead | ExportedPermissions::NotVisible => None,
        };
        Ok(self.moved(data, permissions, from, to))
    }

    /// How an object is wanted in its new place.
    fn moved(&self, mut data: JsonMap, permissions: Option<Permissions>, from: &Place, to: &Place) -> Wanted {
        let at = data.remove("last_modified").and_then(|at| at.as_i64()).map(Timestamp::from_millis);
        data.remove("id");
        let mut wanted = Wanted::new(to.id(), &data);
        if let Some(permissions) = permissions {
            wanted = wanted.permissions(self.names.in_permissions(&permissions, &from.bucket));
        }
        // Where there is one of this timestamp, some servers do not take another.
        match at.filter(|_| from.id() == to.id()) {
            Some(at) => wanted.last_modified(at),
            None => wanted,
        }
    }
}

/// What a tree gives, object by object.
#[cfg(feature = "yaml")]
impl Import {
    pub(in crate::archive) fn has_lines(&self) -> bool {
        self.header.is_some()
    }

    pub(in crate::archive) fn renames_bucket(&self) -> bool {
        self.names.bucket.is_some()
    }

    /// Of what is in this, all comes.
    pub(in crate::archive) fn has_list_in(&mut self, place: &Place) {
        if self.delete_extra {
            self.extra.covers(&self.names.of(place));
        }
    }

    /// An object is wanted with what is named of it.
    pub(in crate::archive) fn want(&mut self, from: &Place, own: Own) {
        let to = self.names.of(from);
        let whole = from.kind() == Kind::Record && own.data.is_some();
        let wanted = self.moved(own.data.unwrap_or_default(), own.permissions, from, &to).named_permissions();
        self.add(&to, if whole { wanted } else { wanted.named_fields() }, 0);
    }

    /// No more objects come.
    pub(in crate::archive) fn has_all(&mut self) {
        (self.ended, self.over) = (true, true);
    }

    pub(in crate::archive) fn is_over(&self) -> bool {
        self.over
    }
}
