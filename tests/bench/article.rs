//! A record: a dozen fields, of which some are nested, and half a kilobyte of JSON.

use serde::{Deserialize, Serialize};

/// What a caller keeps in a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "of one workspace")]
#[allow(missing_docs, reason = "fields like anybody's")]
pub struct Article {
    pub title: String,
    pub summary: String,
    pub url: String,
    pub author: Author,
    pub tags: Vec<String>,
    pub words: u32,
    pub rating: f64,
    pub published: bool,
    pub replaces: Option<String>,
}

/// A part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "of one workspace")]
#[allow(missing_docs, reason = "fields like anybody's")]
pub struct Author {
    pub name: String,
    pub email: String,
}

/// A record as one reads it who does it by hand: the server's fields beside one's own.
#[derive(Debug, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "of one workspace")]
#[allow(missing_docs, reason = "fields like anybody's")]
pub struct Flat {
    pub id: String,
    pub last_modified: i64,
    pub title: String,
    pub summary: String,
    pub url: String,
    pub author: Author,
    pub tags: Vec<String>,
    pub words: u32,
    pub rating: f64,
    pub published: bool,
    pub replaces: Option<String>,
}

/// A page of them.
#[derive(Debug, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "of one workspace")]
pub struct Flats {
    /// The records.
    pub data: Vec<Flat>,
}

/// One of them, as it is read or was written.
#[derive(Debug, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "of one workspace")]
pub struct Written {
    /// The record.
    pub data: Flat,
}

/// The id of a record: like a UUID, and in no order.
#[must_use]
pub fn id(n: usize) -> String {
    format!("{:08x}-0000-4000-8000-{n:012x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)
}

/// The number of an id.
#[must_use]
pub fn number(id: &str) -> Option<usize> {
    usize::from_str_radix(id.rsplit('-').next()?, 16).ok()
}

impl Flat {
    /// Without what is the server's.
    #[must_use]
    pub fn article(self) -> Article {
        let Self { title, summary, url, author, tags, words, rating, published, replaces, .. } = self;
        Article { title, summary, url, author, tags, words, rating, published, replaces }
    }
}

impl Article {
    /// The article of that number.
    #[must_use]
    pub fn new(n: usize) -> Self {
        let words = u32::try_from(n % 5_000).unwrap_or_default();
        Self {
            title: format!("How article {n} of the series came to be written, and by whom"),
            summary: format!(
                "What is said in no. {n} is “said” once more here, at the length that summaries usually have: two \
                 lines, an em dash — and an end that leaves it open whether one ought to read on."
            ),
            url: format!("https://articles.example/2024/05/article-{n}.html"),
            author: Author { name: format!("Author {}", n % 97), email: format!("author{}@articles.example", n % 97) },
            tags: ["news", "series", "long-read"].map(str::to_owned).into(),
            words,
            rating: f64::from(words) / 1_000.0 + 0.125,
            published: n.is_multiple_of(2),
            replaces: None,
        }
    }
}
