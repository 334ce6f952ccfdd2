//! Which ids may stand in a path.

use std::fmt;

/// Which ids are accepted before a request is built.
///
/// Percent-encoding does not disarm an id: a server decodes `..%2F` before it routes, and an id that vanishes from a
/// path turns "delete this record" into "delete all records". So ids are checked, encoded once, and never rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdRule {
    /// What a Kinto server accepts unless configured otherwise: letters, digits, `-` and `_`, the first a letter or
    /// digit. Account names may hold `+`, `.` and `@` too.
    #[default]
    Server,
    /// For servers with id generators of their own: letters and digits of any script and ``-_.+@~:,=!$&'()*``, but
    /// not dots alone. Still refused: spaces, slashes, backslashes, `%`, `?`, `#`, `;`, control characters.
    Wide,
}

/// The longest id in bytes. No server rule says so, but beyond it databases refuse (as if overloaded).
pub(crate) const MAX_LENGTH: usize = 512;

/// Whose grammar an id follows under [`IdRule::Server`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    Object,
    Account,
    /// A path segment that is no id (a principal, a provider): anything that can be encoded.
    Free,
}

/// Why an id cannot be used, and whether [`IdRule::Wide`] would take it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Breach {
    shown: String,
    why: &'static str,
    pub(crate) wide_would_do: bool,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the id {} cannot be used: {}", self.shown, self.why)
    }
}

/// Whether an id is as most are: taken by all rules, and the same in a path.
pub(crate) fn is_usual(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_');
    let begins = id.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    // Without an early end, many bytes are looked at at a time.
    begins && id.len() <= MAX_LENGTH && id.bytes().fold(true, |all, byte| all & plain(byte))
}

/// Checks an id against both rules; `None` is an id that every rule takes.
pub(crate) fn breach(id: &str, grammar: Grammar) -> Option<Breach> {
    if is_usual(id) {
        return None;
    }
    let breach = |why, wide_would_do| {
        let mut shown: String = id.chars().take(40).flat_map(char::escape_debug).collect();
        if id.chars().nth(40).is_some() {
            shown.push('…');
        }
        Some(Breach { shown: format!("\"{shown}\""), why, wide_would_do })
    };
    if id.is_empty() {
        return breach("it is empty", false);
    }
    if id.len() > MAX_LENGTH {
        return breach("it is longer than 512 bytes", false);
    }
    if id.chars().all(|c| c == '.') {
        return breach("it would be taken for a step in the path", false);
    }
    if grammar == Grammar::Free {
        // Servers and proxies decode before they walk.
        let steps = id.split(['/', '\\']).any(|part| part == "." || part == "..");
        return if steps { breach("it would be taken for steps in the path", false) } else { None };
    }
    if !id.chars().all(|c| c.is_alphanumeric() || "-_.+@~:,=!$&'()*".contains(c)) {
        return breach("it holds a character that no path can carry safely", false);
    }
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || c == '-' || c == '_' || (grammar == Grammar::Account && "+.@".contains(c))
    };
    if !id.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return breach("ids start with a letter or a digit", true);
    }
    if !id.chars().all(plain) {
        return breach("ids are made of letters, digits, - and _", true);
    }
    None
}

/// A version 4 UUID made of random bits.
pub(crate) fn uuid(random: u128) -> String {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_rule() {
        for id in ["a", "A-b_9", "0123", "9-_"] {
            assert_eq!(breach(id, Grammar::Object), None, "{id}");
        }
        assert_eq!(breach("me+you@example.com", Grammar::Account), None);
    }

    #[test]
    fn what_only_the_wide_rule_takes() {
        for id in ["_a", "-a", "a.b", "me@example.com", "a+b", "日本", "a:b"] {
            assert!(breach(id, Grammar::Object).unwrap().wide_would_do, "{id}");
        }
    }

    #[test]
    fn what_nobody_takes() {
        let long = "x".repeat(MAX_LENGTH + 1);
        for id in [
            "",
            ".",
            "..",
            "...",
            "a/b",
            "../../x",
            "a\\b",
            "%2e%2e",
            "..;",
            "a b",
            "a\tb",
            "a\n",
            "a\0",
            "a?b",
            "a#b",
            "\u{202e}a",
            "a\u{a0}b",
            &long,
        ] {
            assert!(!breach(id, Grammar::Object).unwrap().wide_would_do, "{id:?}");
        }
    }

    #[test]
    fn a_breach_shows_the_id_escaped_and_short() {
        let text = breach(&"\n".repeat(600), Grammar::Object).unwrap().to_string();
        assert!(text.contains("\\n") && !text.contains('\n') && text.len() < 200, "{text}");
    }

    #[test]
    fn uuids_are_version_4() {
        let id = uuid(u128::MAX);
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(breach(&id, Grammar::Object), None);
    }
}
