//! JSON out: exactly what the caller has, or nothing.
//!
//! `serde_json` writes NaN and infinity as `null`, and overflows the stack on values nested too deep. Both would be a
//! silent change or a crash, so what goes out passes through a serializer that refuses them: floats must be finite,
//! and nesting stops at [`MAX_DEPTH`], which is what the reading side takes as well.

use std::fmt::Display;

use bytes::Bytes;
use serde::Deserialize;
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use serde_json::Value;

use crate::error::{Error, Result};

/// How deep arrays and objects may be nested in what is sent.
const MAX_DEPTH: usize = 120;

/// The JSON text of a value.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    let mut text = Vec::with_capacity(128);
    append(&mut text, value)?;
    Ok(text.into())
}

/// Puts the JSON text of a value behind what is there.
pub(crate) fn append<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> Result<()> {
    Strict { value, depth: 0 }
        .serialize(&mut serde_json::Serializer::new(text))
        .map_err(|error| Error::input("the data cannot be written as JSON").caused_by(error.into()))
}

/// Reads JSON. By way of text: what reads bytes would be built beside what reads text, which answers are.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_str(simdutf8::basic::from_utf8(text).map_err(serde::de::Error::custom)?)
}

/// Whether two values are the same, but for the last digits of floats: the server does not keep them all.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b
                || match (a.as_f64(), b.as_f64()) {
                    // Integers are kept as they are, unless one of the two was written as a float.
                    (Some(x), Some(y)) => (a.is_f64() || b.is_f64()) && (x - y).abs() <= x.abs().max(y.abs()) * 1e-14,
                    _ => false,
                }
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Whether a text holds an integer that no type of 64 bits can, and that a reader would round without a word.
pub(crate) fn holds_huge_integer(text: &str) -> bool {
    // The shortest of them has 19 digits, so that one of them is where every 19th byte is looked at, and another nine bytes
    // before or behind it. Most texts hold no such row, and are done with then.
    const SHORTEST: usize = 19;
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_long = |at: usize| {
        let (before, behind) = bytes.split_at(at);
        let before = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        before + behind.iter().take_while(|byte| byte.is_ascii_digit()).count() >= SHORTEST
    };
    let mut at = SHORTEST - 1;
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii_digit() && (is_digit(at - 9) || is_digit(at + 9)) && is_long(at) {
            return numbers(text).any(is_huge);
        }
        at += SHORTEST;
    }
    false
}

/// Whether a number is an integer of more than 64 bits.
fn is_huge(number: &str) -> bool {
    let whole = !number.contains(['.', 'e', 'E']);
    whole && number.parse::<u64>().is_err() && number.parse::<i64>().is_err() && !is_a_float(number)
}

/// Whether the digits are those of a float, which some servers write out to the last zero.
fn is_a_float(number: &str) -> bool {
    let digits = number.trim_start_matches('-');
    // With what reads and writes floats anyway. Where there are more than 64 bits of an integer, an exponent is written.
    let shortest = serde_json::from_str::<f64>(digits).and_then(|float| serde_json::to_string(&float));
    let Some((mantissa, exponent)) = shortest.as_ref().ok().and_then(|shortest| shortest.split_once('e')) else {
        return false;
    };
    mantissa.replace('.', "").trim_end_matches('0') == digits.trim_end_matches('0')
        && exponent.parse() == Ok(digits.len() - 1)
}

/// The numbers of a JSON text, which is not checked otherwise.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let (mut inside, mut escaped) = (false, false);
    text.split(move |c: char| {
        if inside {
            (inside, escaped) = (escaped || c != '"', !escaped && c == '\\');
            return true;
        }
        inside = c == '"';
        !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')
    })
    .filter(|piece| piece.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

/// A value that refuses to be written in a form that is not what it is.
struct Strict<'a, T: ?Sized> {
    value: &'a T,
    depth: usize,
}

impl<T: Serialize + ?Sized> Serialize for Strict<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(StrictSerializer { to, depth: self.depth })
    }
}

struct StrictSerializer<S> {
    to: S,
    depth: usize,
}

struct StrictCompound<C> {
    to: C,
    depth: usize,
}

impl<S: Serializer> StrictSerializer<S> {
    fn deeper(&self) -> Result<usize, S::Error> {
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(S::Error::custom(format_args!("it is nested deeper than {MAX_DEPTH} levels")))
        }
    }
}

macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $method(self, $($arg: $type),*) -> Result<S::Ok, S::Error> {
            self.to.$method($($arg),*)
        })*
    };
}

macro_rules! forward_compound {
    ($($method:ident($($arg:ident: $type:ty),*) -> $compound:ident;)*) => {
        $(fn $method(self, $($arg: $type),*) -> Result<Self::$compound, S::Error> {
            let depth = self.deeper()?;
            Ok(StrictCompound { to: self.to.$method($($arg),*)?, depth })
        })*
    };
}

impl<S: Serializer> Serializer for StrictSerializer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = StrictCompound<S::SerializeSeq>;
    type SerializeTuple = StrictCompound<S::SerializeTuple>;
    type SerializeTupleStruct = StrictCompound<S::SerializeTupleStruct>;
    type SerializeTupleVariant = StrictCompound<S::SerializeTupleVariant>;
    type SerializeMap = StrictCompound<S::SerializeMap>;
    type SerializeStruct = StrictCompound<S::SerializeStruct>;
    type SerializeStructVariant = StrictCompound<S::SerializeStructVariant>;

    forward! {
        serialize_bool(v: bool);
        serialize_i8(v: i8);
        serialize_i16(v: i16);
        serialize_i32(v: i32);
        serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8);
        serialize_u16(v: u16);
        serialize_u32(v: u32);
        serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_f32(self, v: f32) -> Result<S::Ok, S::Error> {
        if v.is_finite() { self.to.serialize_f32(v) } else { Err(S::Error::custom("NaN and infinity are not JSON")) }
    }

    fn serialize_f64(self, v: f64) -> Result<S::Ok, S::Error> {
        if v.is_finite() { self.to.serialize_f64(v) } else { Err(S::Error::custom("NaN and infinity are not JSON")) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let depth = self.depth;
        self.to.serialize_some(&Strict { value, depth })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let depth = self.depth;
        self.to.serialize_newtype_struct(name, &Strict { value, depth })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let depth = self.deeper()?;
        self.to.serialize_newtype_variant(name, index, variant, &Strict { value, depth })
    }

    forward_compound! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant;
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.to.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.to.is_human_readable()
    }
}

macro_rules! compound {
    ($($trait:ident: $method:ident($($key:ident: $type:ty)?);)*) => {
        $(impl<C: $trait> $trait for StrictCompound<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($key: $type,)? value: &T) -> Result<(), C::Error> {
                let depth = self.depth;
                self.to.$method($($key,)? &Strict { value, depth })
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.to.end()
            }
        })*
    };
}

compound! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(key: &'static str);
    SerializeStructVariant: serialize_field(key: &'static str);
}

impl<C: SerializeMap> SerializeMap for StrictCompound<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.to.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let depth = self.depth;
        self.to.serialize_value(&Strict { value, depth })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.to.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Serialize)]
    enum Shape {
        Unit,
        New(f32),
        Tuple(i8, u64),
        Struct { a: Option<char>, b: Box<serde_json::value::RawValue> },
    }

    #[test]
    fn everything_else_is_written_as_serde_json_does() {
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        let value = (
            [Shape::Unit, Shape::New(1.5), Shape::Tuple(-1, u64::MAX), Shape::Struct { a: None, b: raw("[ 1.0 ]") }],
            BTreeMap::from([(1, "é\n"), (2, "")]),
            Some((0.1_f64, true, ())),
            serde_json::json!({"a": [{"b": null}], "n": 1.0}),
        );
        assert_eq!(to_bytes(&value).unwrap(), serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn huge_integers_are_found_and_nothing_else() {
        for huge in ["18446744073709551616", "[-9223372036854775809]", r#"{"a":"\\","n":123456789012345678901}"#] {
            assert!(holds_huge_integer(huge), "{huge}");
        }
        for before in 0..40 {
            assert!(holds_huge_integer(&format!("{}18446744073709551616", " ".repeat(before))), "{before}");
            assert!(holds_huge_integer(&format!("{}-9223372036854775809{}", " ".repeat(before), " ".repeat(before))));
        }
        let written_out = format!("[{:.0}]", 1e300).replace(|c: char| c.is_ascii_digit(), "0").replacen('0', "1", 1);
        for fine in [
            written_out.as_str(),
            "12300000000000000000000",
            "-100000000000000000000",
            "18446744073709551615",
            "-9223372036854775808",
            "1.8446744073709551616e19",
            "0.12345678901234567890123",
            r#"{"id":"123456789012345678901234567890","x\"123456789012345678901":1}"#,
            r#""\\\"123456789012345678901""#,
        ] {
            assert!(!holds_huge_integer(fine), "{fine}");
        }
    }

    #[test]
    fn not_a_number_is_not_null() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(to_bytes(&BTreeMap::from([("x", Some([value]))])).is_err());
        }
        assert!(to_bytes(&Shape::New(f32::NAN)).is_err());
    }

    #[test]
    fn nesting_ends_before_the_stack_does() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let mut seq = to.serialize_seq(Some(1))?;
                seq.serialize_element(self)?;
                seq.end()
            }
        }
        let error = to_bytes(&Endless).unwrap_err();
        assert!(error.to_string().contains("nested"), "{error}");
        let deep = (1..MAX_DEPTH).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
        assert!(to_bytes(&deep).is_ok());
    }
}
