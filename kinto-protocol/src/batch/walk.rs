//! Where the values in a JSON text lie, found without reading them.

use memchr::memchr2;
use serde::de::IgnoredAny;

/// A walk over a text. Each step gives nothing where the text is no JSON, and where it has names with escapes.
///
/// Of values only the ends are found, by their brackets and quotes: whether they are JSON is seen by whoever reads them.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next value begins.
    pub(super) fn at(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// What was walked over since it was there.
    pub(super) fn since(&self, from: usize) -> Option<&'a str> {
        self.text.get(from..self.at)
    }

    /// Steps over an object, and calls at each name, with its value next.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        let mut is_first = true;
        while self.more(b'}', &mut is_first)? {
            let name = self.text()?;
            self.pass(b':')?;
            member(self, name)?;
        }
        Some(())
    }

    /// Steps over an array, and calls at each of its elements.
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.pass(b'[')?;
        let mut is_first = true;
        while self.more(b']', &mut is_first)? {
            element(self)?;
        }
        Some(())
    }

    /// Steps over a text without escapes.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        self.pass(b'"')?;
        let from = self.at;
        self.string().then_some(())?;
        let text = self.text.get(from..self.at - 1)?;
        (!text.contains('\\')).then_some(text)
    }

    /// Steps over a value.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let from = self.at;
        match first {
            b'"' => {
                self.at += 1;
                self.string().then_some(())?;
            }
            b'{' | b'[' => self.nested()?,
            _ => {
                let end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                self.at += self.rest()?.iter().position(end)?;
                serde_json::from_str::<IgnoredAny>(self.since(from)?).ok()?;
            }
        }
        self.since(from)
    }

    /// Nothing may be left.
    pub(super) fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    fn rest(&self) -> Option<&'a [u8]> {
        self.text.as_bytes().get(self.at..)
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether there is one more before this bracket.
    fn more(&mut self, close: u8, is_first: &mut bool) -> Option<bool> {
        if self.peek()? == close {
            self.at += 1;
            return Some(false);
        }
        if !std::mem::take(is_first) {
            self.pass(b',')?;
        }
        Some(true)
    }

    /// Steps behind the end of the string that it is in, if that is there.
    fn string(&mut self) -> bool {
        while let Some(rest) = self.rest()
            && let Some(found) = memchr2(b'"', b'\\', rest)
        {
            self.at += found + 1;
            if rest[found] == b'"' {
                return true;
            }
            self.at += 1;
        }
        false
    }

    /// Steps over what has brackets around it.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => self.string().then_some(())?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(());
                    }
                }
                _ => {}
            }
        }
    }
}
