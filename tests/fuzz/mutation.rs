//! Inputs made of others: what fuzzers do to texts, by dice that fall the same each time.

/// What is put in, besides pieces of the corpus.
const WORDS: [&[u8]; 28] = [
    b"\"",
    b"\\",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"%%\n200\n\n",
    b"%%\nlost\n",
    b"%%\n503\n",
    b"null",
    b"-1",
    b"0",
    b"1e999",
    b"9223372036854775807",
    b"18446744073709551616",
    b"../",
    b"%2F",
    b"//evil.example/",
    b"next-page: ",
    b"retry-after: 1\n",
    b"{n}",
];

pub(crate) struct Mutator<'a> {
    state: u64,
    corpus: Vec<&'a [u8]>,
}

impl<'a> Mutator<'a> {
    /// With a seed that is not zero.
    pub(crate) fn new(seed: u64, corpus: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, corpus: corpus.collect() }
    }

    /// A number below this one (Marsaglia's xorshift).
    fn roll(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % below.max(1)
    }

    /// Where something begins and ends.
    fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.roll(length + 1);
        let end = (start + self.roll(most + 1)).min(length);
        start..end
    }

    /// The lines of a text, as something that can be moved.
    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Something like this.
    pub(crate) fn mutate(&mut self, of: &[u8], longest: usize) -> Vec<u8> {
        let mut bytes = of.to_vec();
        for _ in 0..=self.roll(4) {
            self.change(&mut bytes);
        }
        bytes.truncate(longest);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match self.roll(9) {
            0 if length > 0 => {
                let at = self.roll(length);
                bytes[at] ^= 1 << self.roll(8);
            }
            1 if length > 0 => {
                let at = self.roll(length);
                bytes[at] = self.roll(256) as u8;
            }
            2 => {
                let range = self.range(length, 16);
                bytes.drain(range);
            }
            3 => {
                let (at, word) = (self.roll(length + 1), WORDS[self.roll(WORDS.len())]);
                bytes.splice(at..at, word.iter().copied());
            }
            4 => {
                let (range, word) = (self.range(length, 8), WORDS[self.roll(WORDS.len())]);
                bytes.splice(range, word.iter().copied());
            }
            5 => {
                let range = self.range(length, 64);
                let (piece, at) = (bytes[range].to_vec(), self.roll(length + 1));
                bytes.splice(at..at, piece);
            }
            6 => {
                let mut lines = Self::lines(bytes);
                if lines.len() > 1 {
                    let (from, to) = (self.roll(lines.len()), self.roll(lines.len()));
                    lines.swap(from, to);
                    *bytes = lines.concat();
                }
            }
            7 => {
                let mut lines = Self::lines(bytes);
                let at = self.roll(lines.len());
                if at < lines.len() {
                    lines.remove(at);
                    *bytes = lines.concat();
                }
            }
            _ => {
                // Lines of another one.
                let of = self.roll(self.corpus.len());
                let other = Self::lines(self.corpus[of]);
                let mut lines = Self::lines(bytes);
                let (range, at) = (self.range(other.len(), 4), self.roll(lines.len() + 1));
                lines.splice(at..at, other[range].iter().cloned());
                *bytes = lines.concat();
            }
        }
    }
}
