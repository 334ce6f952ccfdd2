//! Texts, numbers and the rest of what is not made of others: as YAML writes them, and back.
//!
//! What is written is read as the same by every reader: of YAML 1.2, of YAML 1.1 and in between. What is read differently by
//! these is refused, so that it is nobody's guess.

use std::fmt::{self, Write as _};

use serde_json::{Number, Value};

use crate::error::{Error, Result};
use crate::json;

/// What a text without quotes stands for, by the core schema of YAML 1.2.
pub(super) fn plain(text: &str) -> Result<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(true.into()),
        "false" | "False" | "FALSE" => return Ok(false.into()),
        _ => {}
    }
    if is_not_finite(text) {
        return Err(Error::input(format!("JSON has no number {text}")).hint("quote it if it is a text"));
    }
    if let Some(number) = number(text)? {
        return Ok(Value::Number(number));
    }
    if is_a_number_to_others(text) {
        let why = format!("some readers of YAML take {text} for a number, and others for a text");
        return Err(Error::input(why).hint("quote it if it is a text, or write the digits alone"));
    }
    Ok(text.into())
}

fn number(text: &str) -> Result<Option<Number>> {
    let beyond = || Error::input(format!("{text} is beyond what a number of 64 bits can be"));
    for (prefix, base) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(base))
        {
            return u64::from_str_radix(digits, base).map(|number| Some(number.into())).map_err(|_| beyond());
        }
    }
    if !is_decimal(text) {
        return Ok(None);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if !text.contains(['.', 'e', 'E']) {
        if let Ok(number) = text.parse::<i64>() {
            return Ok(Some(number.into()));
        }
        if let Ok(number) = text.parse::<u64>() {
            return Ok(Some(number.into()));
        }
        if json::holds_huge_integer(text) {
            return Err(beyond().hint("quote it if it is a text"));
        }
    }
    let float = text.parse().ok().and_then(Number::from_f64);
    float.map(Some).ok_or_else(|| beyond().hint("quote it if it is a text"))
}

/// Digits with at most one point among, before or after them, and an exponent; with a sign.
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(text, rest)| (text, Some(rest)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// With underscores between the digits, or with a sign before a base: numbers of YAML 1.1, which ruamel.yaml reads as such.
fn is_a_number_to_others(text: &str) -> bool {
    let digits = text.replace('_', "");
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    let of_base = |(prefix, base): (&str, u32)| {
        let digits = unsigned.strip_prefix(prefix);
        digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base)))
    };
    text.starts_with(['-', '+', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
        && (is_decimal(&digits) || [("0b", 2), ("0o", 8), ("0x", 16)].into_iter().any(of_base))
}

/// Writes a value that is not made of others.
pub(super) fn write(to: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => write_text(to, text),
        Value::Number(number) if number.is_f64() => to.write_str(&float(&number.to_string())),
        other => write!(to, "{other}"),
    }
}

/// A float that YAML 1.1 takes for one as well: with a point, and with a sign before the exponent.
fn float(json: &str) -> String {
    let (mantissa, exponent) = json.split_once('e').map_or((json, None), |(number, rest)| (number, Some(rest)));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    match exponent {
        Some(exponent) if exponent.starts_with(['-', '+']) => format!("{mantissa}{point}e{exponent}"),
        Some(exponent) => format!("{mantissa}{point}e+{exponent}"),
        None => format!("{mantissa}{point}"),
    }
}

/// Writes a text: as it is where nobody can misread it, and otherwise in double quotes, on one line.
///
/// No library does this for readers of several versions, and the other way around is a list of all that might be misread.
pub(super) fn write_text(to: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if is_plain(text) { to.write_str(text) } else { write_quoted(to, text) }
}

/// Words, names and paths: what begins with a letter or a slash is no number and no date.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_of_words = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./@:+ ".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(is_of_words)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn write_quoted(to: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    to.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(to, "\\{c}")?,
            '\n' => to.write_str("\\n")?,
            '\r' => to.write_str("\\r")?,
            '\t' => to.write_str("\\t")?,
            // What is not printable, what breaks lines, and what marks the order of bytes.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => write!(to, "\\x{:02x}", u32::from(c))?,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => write!(to, "\\u{:04x}", u32::from(c))?,
            _ => to.write_char(c)?,
        }
    }
    to.write_char('"')
}
