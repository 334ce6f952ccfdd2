//! Words that stand nowhere else, and the forms in which they could come back.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

pub(crate) const PASSWORD: &str = "c4n4ry/p4ss w0rd+\"1\"";
pub(crate) const TOKEN: &str = "c4n4ry.t0k3n.0123456789abcdef";
pub(crate) const HEADER: &str = "c4n4ry-h34d3r-of-the-caller";
pub(crate) const NEW_PASSWORD: &str = "c4n4ry%n3w p4ssw0rd";
pub(crate) const USERINFO: &str = "c4n4ry-in-the-url";
pub(crate) const PROXY: &str = "c4n4ry-of-the-proxy";
pub(crate) const OPENID: &str = "c4n4ry-0p3n1d-t0k3n";

const ALL: [&str; 7] = [PASSWORD, TOKEN, HEADER, NEW_PASSWORD, USERINFO, PROXY, OPENID];

/// As it is, as it is written in URLs, in JSON and in base64.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        percent_encode(secret.as_bytes(), NON_ALPHANUMERIC).to_string(),
        secret.replace('%', "%25").replace(' ', "%20").replace('/', "%2F").replace('+', "%2B").replace('"', "%22"),
        secret.escape_debug().to_string(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    forms.sort();
    forms.dedup();
    forms
}

/// Who the client is, as `Authorization` has it.
pub(crate) fn basic() -> String {
    STANDARD.encode(format!("me:{PASSWORD}"))
}

/// All that must not be found. The beginning of a word is as good as the word: texts are cut off in the middle.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let cut = ALL.iter().map(|word| word[..word.len() - 2].to_owned());
    let own = [basic(), STANDARD.encode(format!("user:{PROXY}"))];
    ALL.iter().flat_map(|word| forms(word)).chain(cut).chain(own).collect()
});

/// The first of them that is in a text, and where.
pub(crate) fn found(text: &str) -> Option<String> {
    let at = WORDS.iter().filter_map(|word| text.find(word.as_str())).min()?;
    let near = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (from, to) = (near(at.saturating_sub(300)), near(at + 120));
    Some(text[from..to].to_owned())
}
