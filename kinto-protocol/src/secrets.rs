//! What must not be repeated to anybody: credentials, in the forms in which a server could send them back.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::auth::Auth;
use crate::path::SEGMENT;

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "[hidden]";
/// Something shorter would be found in innocent words.
const SHORTEST: usize = 4;
/// Something as long as this is in no URL by chance.
const UNLIKELY: usize = 12;
/// So much of the beginning of a secret is hidden where a text ends within it.
const BEGINNING: usize = 8;
/// A text of such a length was cut off, and then less is enough.
const CUT: usize = 512;

/// The words that are to be hidden, wiped when dropped. A server that wants to give them away finds a form that is not
/// among them; this is for those that only repeat what they were told.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    /// With one more, as it is and as it is written in URLs, in JSON and in base64.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let escaped = secret.escape_debug().to_string();
        // What a larger text in base64 has of it depends on where it begins there: the two most likely are these.
        for form in [
            secret.to_owned(),
            utf8_percent_encode(secret, SEGMENT).to_string(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            escaped,
        ] {
            let form = Zeroizing::new(form);
            if !self.0.contains(&form) {
                // A part is not to be replaced before the whole, which would then be found no more.
                let at = self.0.partition_point(|word| word.len() >= form.len());
                self.0.insert(at, form);
            }
        }
    }

    /// With those that stand in headers: what is marked as one, and the parts of the credentials.
    pub(crate) fn add_headers(&mut self, headers: &HeaderMap) {
        // Spaces around a value are no part of it, and letters beyond ASCII no reason to tell it.
        let text = |value: &HeaderValue| Zeroizing::new(String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        headers.values().filter(|value| value.is_sensitive()).for_each(|value| self.add(&text(value)));
        let auth = headers.get(AUTHORIZATION).map(text);
        if let Some((_, token)) = auth.as_ref().and_then(|auth| auth.split_once(' ')) {
            self.add(token);
            Auth::password(token).iter().for_each(|password| self.add(password));
        }
    }

    /// Whether a text holds one of them.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|word| text.contains(&**word))
    }

    /// Whether a place that the server names holds one of them. A password that is an everyday word may stand in a URL for
    /// reasons of its own.
    pub(crate) fn are_in_url(&self, url: &str) -> bool {
        self.0.iter().any(|word| word.len() >= UNLIKELY && url.contains(&**word))
    }

    /// The text without them.
    pub(crate) fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut shown = Cow::Borrowed(text);
        for word in &self.0 {
            if shown.contains(&**word) {
                shown = Cow::Owned(shown.replace(&**word, HIDDEN));
            }
        }
        let least = if text.len() < CUT { BEGINNING } else { SHORTEST };
        for word in &self.0 {
            let cut = (least..word.len()).rev().filter(|length| word.is_char_boundary(*length));
            let begun = cut.map(|length| &word[..length]).find(|begun| shown.ends_with(begun)).map(str::len);
            if let Some(begun) = begun {
                let rest = shown.len() - begun;
                shown = Cow::Owned(format!("{}{HIDDEN}", &shown[..rest]));
            }
        }
        shown
    }

    /// Takes them out of a text.
    pub(crate) fn hide_in(&self, text: &mut String) {
        if let Cow::Owned(shown) = self.hide(text) {
            *text = shown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_all_its_forms() {
        let mut secrets = Secrets::default();
        secrets.add("s3cr/t \"key\"");
        for form in
            ["s3cr/t \"key\"", "s3cr%2Ft%20%22key%22", "czNjci90ICJrZXki", r#"s3cr/t \"key\""#, "x s3cr/t \"key\" y"]
        {
            let shown = secrets.hide(form);
            assert!(secrets.are_in(form) && shown.contains(HIDDEN) && !shown.contains("key"), "{form}: {shown}");
        }
        assert!(matches!(secrets.hide("nothing of it"), Cow::Borrowed(_)));
        assert!(!secrets.are_in("nothing of it"));
        assert!(secrets.are_in_url("http://x/?a=s3cr%2Ft%20%22key%22"));
        secrets.add("test");
        assert!(!secrets.are_in_url("http://x/test"), "an everyday word");
    }

    #[test]
    fn what_was_cut_off_is_hidden_too() {
        let mut secrets = Secrets::default();
        secrets.add("abcdefghijklmnop");
        assert_eq!(secrets.hide("it was abcdefghijk"), "it was [hidden]");
        assert_eq!(secrets.hide("it was abcdef"), "it was abcdef", "a word may begin like one");
    }

    #[test]
    fn the_whole_goes_before_its_parts() {
        let mut secrets = Secrets::default();
        secrets.add("pass");
        secrets.add("Basic pass");
        assert_eq!(secrets.hide("Basic pass"), HIDDEN);
        secrets.add("abc");
        assert_eq!(secrets.hide("abc"), "abc", "too short to be told from other words");
    }
}
