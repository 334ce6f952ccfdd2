//! What an interrupted export has left.

use crate::archive::line::{ExportHeader, ExportLine};
use crate::archive::lines::{Lines, at_line};
use crate::archive::place::Place;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// How every export begins.
const BEGINNING: &[u8] = b"{\"format\":\"kinto-export\",";

/// Looks through what an interrupted [`Export`](crate::Export) has left, so that it can [go on](crate::Export::resume)
/// behind it.
///
/// It takes all the bytes, in pieces of any size. What stands behind the last complete line is worth nothing: the file is to
/// be cut off at [`kept`](Self::kept) before more is written.
#[derive(Debug, Default)]
pub struct ExportSoFar {
    lines: Lines,
    first: Option<Vec<u8>>,
    last: Option<Vec<u8>>,
    kept: u64,
}

impl ExportSoFar {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is no export: nothing that this did not write is cut off.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (taken, line) = self.lines.take(bytes)?;
            bytes = &bytes[taken..];
            let Some(line) = line else { continue };
            self.kept += line.len() as u64;
            if self.first.is_none() {
                header(&line)?;
                self.first = Some(line);
            } else {
                self.last = Some(line);
            }
        }
        let begun = self.lines.begun();
        let length = begun.len().min(BEGINNING.len());
        if self.first.is_none() && begun[..length] != BEGINNING[..length] {
            return Err(no_export());
        }
        Ok(())
    }

    /// How many bytes are complete lines.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Its first line, and what its last one says.
    pub(super) fn state(&self) -> Result<Option<(ExportHeader, Last)>> {
        let Some(first) = &self.first else { return Ok(None) };
        let number = self.lines.number;
        let last = match &self.last {
            None => Last::Header,
            Some(last) => match parse(last).map_err(at_line(number))? {
                ExportLine::Header(_) => return Err(no_export()),
                ExportLine::End(_) => Last::End,
                ExportLine::Object(object) => {
                    let at = object.data.get("last_modified").and_then(serde_json::Value::as_i64).unwrap_or_default();
                    let place = Place::parse(&object.path).map_err(at_line(number))?;
                    Last::Object { place, at: Timestamp::from_millis(at), objects: number - 1 }
                }
            },
        };
        Ok(Some((header(first)?, last)))
    }
}

/// What the last line says.
#[derive(Debug)]
pub(super) enum Last {
    Header,
    Object { place: Place, at: Timestamp, objects: u64 },
    End,
}

/// A line that is text.
pub(super) fn parse(line: &[u8]) -> Result<ExportLine> {
    let text = std::str::from_utf8(line).map_err(|error| Error::input("it is not UTF-8").caused_by(error.into()))?;
    ExportLine::parse(text)
}

fn header(line: &[u8]) -> Result<ExportHeader> {
    match parse(line).map_err(at_line(1))? {
        ExportLine::Header(header) => Ok(header),
        _ => Err(no_export()),
    }
}

pub(super) fn no_export() -> Error {
    Error::input("this is no export: its first line does not say so")
}
