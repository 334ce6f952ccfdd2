//! Where the values in a JSON text lie, found without reading them.

use memchr::memchr;
use memchr::memmem::Finder;

/// The end of a string, of which this is the first byte: what comes after its last quote.
#[inline]
fn end_of_string(text: &[u8], first: usize) -> Option<usize> {
    const LOW: u64 = u64::from_ne_bytes([1; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    /// Most strings are so short that eight bytes at a time are the best.
    const SHORT: usize = 40;
    let (mut at, long) = (first, first + SHORT);
    loop {
        let word = text.get(at..).and_then(|rest| rest.first_chunk()).filter(|_| at < long);
        let Some(word) = word else { return end_of_long_string(text, first, at) };
        // Quotes become zeros, of which the lowest is found in this way.
        let word = u64::from_le_bytes(*word) ^ QUOTES;
        let zeros = word.wrapping_sub(LOW) & !word & (LOW << 7);
        if zeros == 0 {
            at += 8;
            continue;
        }
        at += zeros.trailing_zeros() as usize / 8 + 1;
        if !is_escaped(text, first, at - 1) {
            return Some(at);
        }
    }
}

fn end_of_long_string(text: &[u8], first: usize, mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', text.get(at..)?)? + 1;
        if !is_escaped(text, first, at - 1) {
            return Some(at);
        }
    }
}

/// Whether the quote there belongs to the string that begins where `first` says.
#[inline]
fn is_escaped(text: &[u8], first: usize, quote: usize) -> bool {
    text[quote - 1] == b'\\' && {
        let escapes = text[first..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        escapes % 2 == 1
    }
}

/// The end of an array or object that begins there.
fn end_of_nested(text: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut depth) = (from, 0_usize);
    loop {
        match *text.get(at)? {
            b'"' => {
                at = end_of_string(text, at + 1)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// A walk over a text. Each step gives nothing where the text is no JSON.
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

    /// Steps over an object, and calls at each name, which is given as it is written, with its value next.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        let mut is_first = true;
        while self.more(b'}', &mut is_first)? {
            let name = self.string()?;
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

    /// Steps over a string without escapes.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        self.string().filter(|text| memchr(b'\\', text.as_bytes()).is_none())
    }

    /// Steps over a string, which is given as it is written.
    fn string(&mut self) -> Option<&'a str> {
        self.pass(b'"')?;
        let from = self.at;
        self.at = end_of_string(self.text.as_bytes(), from)?;
        self.text.get(from..self.at - 1)
    }

    /// Steps over a value.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let from = self.at;
        match first {
            b'"' => self.at = end_of_string(self.text.as_bytes(), self.at + 1)?,
            b'{' | b'[' => self.at = end_of_nested(self.text.as_bytes(), self.at)?,
            _ => {
                let end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                self.at += self.rest()?.iter().position(end)?;
            }
        }
        self.since(from)
    }

    /// Steps over what there is before the bracket that closes it all.
    pub(super) fn all_but_the_last(&mut self) -> Option<&'a str> {
        let from = self.at();
        self.at = self.text.len().checked_sub(1)?;
        self.since(from).map(str::trim_end)
    }

    /// Steps over what there is before this text.
    pub(super) fn all_before(&mut self, text: &Finder<'_>) -> Option<&'a str> {
        let from = self.at();
        self.at += text.find(self.rest()?)?;
        self.since(from).map(str::trim_end)
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
}
