//! JSON with one spelling of each value, so that it can be signed.
//!
//! It is ASCII without spaces. Names are in the order of their code points. What is not ASCII, and U+007F, is written
//! as `\u00e9` is, in small letters, beyond the first plane as two of them. Integers are written out, other numbers with
//! one digit before the point and an exponent: `1.5E0`.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use crate::object::JsonMap;

/// Appends a value.
pub(super) fn write(value: &Value, to: &mut String) {
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(true) => to.push_str("true"),
        Value::Bool(false) => to.push_str("false"),
        Value::Number(number) => write_number(number, to),
        Value::String(text) => write_text(text, to),
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                write(item, to);
            }
            to.push(']');
        }
        Value::Object(members) => write_object(members, to),
    }
}

/// Appends an object.
pub(super) fn write_object(members: &JsonMap, to: &mut String) {
    // A program may have maps that keep the order they came in: that is a feature of `serde_json`, for all or nobody.
    let mut sorted: Vec<_> = members.iter().collect();
    // The order of UTF-8 is that of the code points.
    sorted.sort_unstable_by_key(|(name, _)| name.as_str());
    to.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            to.push(',');
        }
        write_text(name, to);
        to.push(':');
        write(value, to);
    }
    to.push('}');
}

fn write_number(number: &Number, to: &mut String) {
    let text = number.to_string();
    // Whatever its size: with `serde_json`'s numbers of any precision there may be more than 64 bits of it.
    if text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        return to.push_str(&text);
    }
    match number.as_f64() {
        Some(float) => drop(write!(to, "{float:E}")),
        None => to.push_str(&text),
    }
}

fn write_text(text: &str, to: &mut String) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            '\u{8}' => to.push_str("\\b"),
            '\u{c}' => to.push_str("\\f"),
            ' '..='~' => to.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a text does not fail.
                    let _ = write!(to, "\\u{unit:04x}");
                }
            }
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What becomes of a JSON text.
    fn canonical(text: &str) -> String {
        let mut written = String::new();
        write(&serde_json::from_str(text).unwrap(), &mut written);
        written
    }

    #[test]
    fn names_in_the_order_of_their_code_points() {
        // In UTF-16, which some sort by, U+1F600 comes before U+FFFF.
        let text = "{\"\u{1f600}\": 6, \"\u{ffff}\": 5, \"é\": 4, \"z\": 3, \"a\": 2, \"Z\": 1, \"\": 0}";
        let expected = r#"{"":0,"Z":1,"a":2,"z":3,"\u00e9":4,"\uffff":5,"\ud83d\ude00":6}"#;
        assert_eq!(canonical(text), expected);
        assert_eq!(canonical(r#"{"a.b": 3, "a": 1, "a ": 2, "aa": 4}"#), r#"{"a":1,"a ":2,"a.b":3,"aa":4}"#);
        assert_eq!(canonical(r#"{"10": 1, "9": 2, "1": 3}"#), r#"{"1":3,"10":1,"9":2}"#);
        let nested = r#" { "b" : [ { "d" : { } , "c" : [ ] } , null , true , false ] , "a" : "x y" } "#;
        assert_eq!(canonical(nested), r#"{"a":"x y","b":[{"c":[],"d":{}},null,true,false]}"#);
    }

    #[test]
    fn a_spelling_for_every_character() {
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        let written = {
            let mut written = String::new();
            write(&json!(all), &mut written);
            written
        };
        assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), all, "nothing gets lost");
        let short = "\u{7f}\u{0}\u{1f}\u{8}\u{c}\n\r\t\u{b}\"\\/'<>&~ \u{80}\u{2028}\u{ffff}\u{10000}\u{10ffff}";
        let expected = concat!(
            r#""\u007f\u0000\u001f\b\f\n\r\t\u000b\"\\/'<>&~ "#,
            r#"\u0080\u2028\uffff\ud800\udc00\udbff\udfff""#
        );
        assert_eq!(canonical(&json!(short).to_string()), expected);
        // However it was spelled before.
        assert_eq!(canonical(r#""\u0041\/\u00E9\uD83D\uDE00""#), r#""A/\u00e9\ud83d\ude00""#);
    }

    #[test]
    fn integers_to_the_last_digit() {
        for text in
            ["0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615"]
        {
            assert_eq!(canonical(text), text);
        }
    }

    #[test]
    fn other_numbers_with_an_exponent() {
        for (text, expected) in [
            ("1.5", "1.5E0"),
            ("1.0", "1E0"),
            ("100.0", "1E2"),
            ("1e2", "1E2"),
            ("0.1", "1E-1"),
            ("-0.0", "-0E0"),
            ("0.0", "0E0"),
            ("123456.789", "1.23456789E5"),
            ("1e300", "1E300"),
            ("5e-324", "5E-324"),
            ("1e-7", "1E-7"),
            ("12345678901234567.0", "1.2345678901234568E16"),
            ("1.7976931348623157e308", "1.7976931348623157E308"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }
}
