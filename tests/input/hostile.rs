//! Made-up inputs: what is harmless, what has harmed somebody, and whatever else there is.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Text of any kind, mostly short, seldom beyond all limits.
pub(crate) fn text() -> BoxedStrategy<String> {
    let pieces = vec(piece(), 0..5).prop_map(|pieces| pieces.concat());
    let long = (piece(), 200..700_usize).prop_map(|(piece, times)| piece.repeat(times));
    prop_oneof![20 => pieces, 6 => word(), 1 => long, 2 => any::<String>()].boxed()
}

/// What nobody has anything against.
pub(crate) fn word() -> BoxedStrategy<String> {
    vec(select(&b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[..]), 1..12)
        .prop_map(|bytes| bytes.into_iter().map(char::from).collect())
        .boxed()
}

/// What a server takes as an id, mostly.
pub(crate) fn id() -> BoxedStrategy<String> {
    let tail = vec(select(&b"abcXYZ0189-_"[..]), 0..20);
    let plain = (word(), tail).prop_map(|(head, tail)| head + &String::from_utf8_lossy(&tail));
    prop_oneof![4 => plain, 1 => Just("batch".to_owned()), 1 => Just("default".to_owned()), 6 => text()].boxed()
}

fn piece() -> BoxedStrategy<String> {
    let known = select(PIECES).prop_map(str::to_owned);
    let other = any::<char>().prop_map(String::from);
    let control = (0..0x20_u8).prop_map(|byte| char::from(byte).to_string());
    prop_oneof![8 => known, 5 => word(), 1 => other, 1 => control].boxed()
}

const PIECES: &[&str] = &[
    // What ends a line, a header, a request.
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\t",
    "\u{b}",
    "\u{c}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\r\nX-Evil: 1",
    "\r\n\r\nDELETE /v1/buckets HTTP/1.1\r\nHost: evil\r\n\r\n",
    " HTTP/1.1",
    "Content-Length: 0",
    "%0d%0a",
    "%00",
    "\u{10a}\u{10d}",
    // What leads elsewhere in a path.
    "/",
    "\\",
    ".",
    "..",
    "../",
    "/..",
    "..;",
    "%2e",
    "%2E%2e",
    "%2f",
    "%2F..%2F",
    "%5c..%5c",
    "%252e",
    "//",
    "/batch",
    "\u{ff0e}\u{ff0e}",
    "\u{2024}",
    "\u{ff0f}",
    "\u{2215}",
    "~",
    "*",
    "@",
    ":",
    "://",
    "[::1]",
    "user:pw@",
    // What ends a parameter.
    "?",
    "#",
    "&",
    "=",
    "+",
    " ",
    ";",
    ",",
    "%",
    "%2",
    "%zz",
    "%26",
    "%3D",
    "_limit=1",
    "&_since=0",
    // What ends a text or a value in JSON.
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "\\u0000",
    "\\\"",
    "\\",
    "null",
    "\"}],\"x\":[{\"",
    "__proto__",
    "id",
    "<",
    ">",
    "|",
    "^",
    "`",
    // What looks like something else, or like nothing.
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "\u{a0}",
    "é",
    "e\u{301}",
    "日本",
    "\u{1f600}",
    "\u{1f468}\u{200d}\u{1f469}",
    "ﬁ",
    "ß",
    "İ",
    "default",
    "-",
    "_",
    "$",
    "!",
];
