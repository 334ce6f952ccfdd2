//! JSON: what goes out is the text of exactly what was given, or nothing.

use std::collections::BTreeMap;

use kinto_protocol::{Call, IdRule, Method, bucket, endpoints};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::caller::{further, is_clear, request, session};
use crate::hostile::text;
use crate::property::{Fate, holds};

/// Any JSON value that `serde_json` can hold, of so many levels.
pub(crate) fn value(depth: u32) -> BoxedStrategy<Value> {
    let floats = prop_oneof![
        any::<f64>().prop_filter("finite", |float| float.is_finite()),
        // Seventeen digits.
        (0_u64..1 << 53).prop_map(|n| n as f64 / (1_u64 << 46) as f64),
        proptest::sample::select(&[0.0, -0.0, 1.0, 0.1, 1e21, 1e22, 1e-7, f64::MAX, f64::MIN_POSITIVE, 5e-324][..]),
    ];
    let integers = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-9_i64..99).prop_map(Value::from),
        proptest::sample::select(&[i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1][..]).prop_map(Value::from),
    ];
    let leaves = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => integers,
        2 => floats.prop_map(Value::from),
        4 => text().prop_map(Value::from),
    ];
    leaves
        .prop_recursive(depth, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(text(), inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
        .boxed()
}

/// The data of an object.
pub(crate) fn object(depth: u32) -> BoxedStrategy<serde_json::Map<String, Value>> {
    let names = text().prop_filter("the server's own", |name| !["id", "last_modified"].contains(&name.as_str()));
    btree_map(names, value(depth), 0..5).prop_map(|members| members.into_iter().collect()).boxed()
}

/// Whatever a type of the caller's may say of itself to serde.
#[derive(Clone, Debug)]
enum Said {
    Value(Value),
    F32(f32),
    F64(f64),
    I128(i128),
    U128(u128),
    Char(char),
    Bytes(Vec<u8>),
    Some(Box<Self>),
    Newtype(Box<Self>),
    Variant(Box<Self>),
    Struct(Box<Self>),
    Many(Vec<Self>),
    /// Names may come twice.
    Members(Vec<(String, Self)>),
    Numbered(BTreeMap<i64, Self>),
    /// So many arrays around nothing.
    Deep(usize),
    /// JSON that is text already.
    Raw(Box<RawValue>),
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(to),
            Self::F32(float) => to.serialize_f32(*float),
            Self::F64(float) => to.serialize_f64(*float),
            Self::I128(integer) => to.serialize_i128(*integer),
            Self::U128(integer) => to.serialize_u128(*integer),
            Self::Char(c) => to.serialize_char(*c),
            Self::Bytes(bytes) => to.serialize_bytes(bytes),
            Self::Some(inner) => to.serialize_some(inner),
            Self::Newtype(inner) => to.serialize_newtype_struct("Newtype", inner),
            Self::Variant(inner) => to.serialize_newtype_variant("Enum", 0, "Variant", inner),
            Self::Struct(inner) => {
                use serde::ser::SerializeStructVariant as _;
                let mut variant = to.serialize_struct_variant("Enum", 0, "Variant", 1)?;
                variant.serialize_field("field", inner)?;
                variant.end()
            }
            Self::Many(many) => many.serialize(to),
            Self::Members(members) => {
                let mut map = to.serialize_map(None)?;
                for (name, inner) in members {
                    map.serialize_entry(name, inner)?;
                }
                map.end()
            }
            Self::Numbered(members) => members.serialize(to),
            Self::Deep(0) => to.serialize_unit(),
            Self::Deep(levels) => {
                let mut seq = to.serialize_seq(None)?;
                seq.serialize_element(&Self::Deep(levels - 1))?;
                seq.end()
            }
            Self::Raw(raw) => raw.serialize(to),
        }
    }
}

impl Said {
    /// Whether JSON has no word for it.
    fn is_no_json(&self) -> bool {
        match self {
            Self::F32(float) => !float.is_finite(),
            Self::F64(float) => !float.is_finite(),
            Self::Some(inner) | Self::Newtype(inner) | Self::Variant(inner) | Self::Struct(inner) => inner.is_no_json(),
            Self::Many(many) => many.iter().any(Self::is_no_json),
            Self::Members(members) => members.iter().any(|(_, inner)| inner.is_no_json()),
            Self::Numbered(members) => members.values().any(Self::is_no_json),
            // There may be a few levels around it.
            Self::Deep(levels) => *levels > 100,
            _ => false,
        }
    }
}

fn said() -> BoxedStrategy<Said> {
    let raw = value(2).prop_map(|value| {
        let text = serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n");
        Said::Raw(RawValue::from_string(text).unwrap())
    });
    let written = proptest::sample::select(
        &["1e999", "-0", "0.0", "123456789012345678901234567890", "\"\\ud800\"", "\"\\u0000\"", "\"\\/\"", "[ ]"][..],
    );
    let leaves = prop_oneof![
        4 => value(2).prop_map(Said::Value),
        1 => any::<f32>().prop_map(Said::F32),
        1 => any::<f64>().prop_map(Said::F64),
        1 => proptest::sample::select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY][..]).prop_map(Said::F64),
        1 => any::<i128>().prop_map(Said::I128),
        1 => any::<u128>().prop_map(Said::U128),
        1 => any::<char>().prop_map(Said::Char),
        1 => vec(any::<u8>(), 0..9).prop_map(Said::Bytes),
        1 => prop_oneof![0..90_usize, 125..200_usize, Just(1_000_000)].prop_map(Said::Deep),
        1 => raw,
        1 => written.prop_map(|text| Said::Raw(RawValue::from_string(text.to_owned()).unwrap())),
    ];
    leaves
        .prop_recursive(3, 16, 3, |inner| {
            let boxed = inner.clone().prop_map(Box::new);
            prop_oneof![
                boxed.clone().prop_map(Said::Some),
                boxed.clone().prop_map(Said::Newtype),
                boxed.clone().prop_map(Said::Variant),
                boxed.prop_map(Said::Struct),
                vec(inner.clone(), 0..3).prop_map(Said::Many),
                vec((text(), inner.clone()), 0..3).prop_map(Said::Members),
                btree_map(any::<i64>(), inner, 0..3).prop_map(Said::Numbered),
            ]
        })
        .boxed()
}

/// Compared with what `serde_json` makes of it, which writes everything else as it is.
#[test]
fn whatever_a_type_says_of_itself() {
    let data = vec((text().prop_filter("not the id", |name| name != "id"), said()), 0..4).prop_map(Said::Members);
    holds("data of any type", &data, |data| {
        let session = session(IdRule::Server);
        let create = bucket("b").collection("c").records().create("r", &data);
        match request(&session, &create)? {
            Ok(read) => {
                prop_assert!(!data.is_no_json(), "{:?}", data);
                let expected = serde_json::to_string(&data).unwrap();
                prop_assert_eq!(String::from_utf8_lossy(&read.body), format!("{{\"data\":{expected}}}"));
                let length = read.body.len().to_string();
                let headers =
                    [("content-length", length.as_str()), ("content-type", "application/json"), ("if-none-match", "*")];
                let mut found = further(&read);
                found.sort_unstable();
                prop_assert_eq!(found, headers);
                Ok(Fate::Sent)
            }
            Err(error) => {
                prop_assert!(data.is_no_json(), "{}: {:?}", error, data);
                Ok(Fate::Refused)
            }
        }
    });
}

/// Only an object can be the data of one.
#[test]
fn what_is_no_object() {
    holds("data that may be no object", &prop_oneof![said(), value(1).prop_map(Said::Value)], |data| {
        let session = session(IdRule::Server);
        let call = Call::new(Method::PUT, endpoints::record("b", "c", "r")).json(&data);
        let replace = bucket("b").collection("c").records().replace("r", &data);
        let (call, replaced) = match call {
            Ok(call) => (request(&session, &call)?.unwrap(), request(&session, &replace)?),
            Err(error) => {
                is_clear(&error)?;
                prop_assert!(data.is_no_json());
                prop_assert!(request(&session, &replace)?.is_err());
                return Ok(Fate::Refused);
            }
        };
        // A call says what it is told to.
        prop_assert_eq!(&call.body, &serde_json::to_vec(&data).unwrap());
        // What is text already may be JSON that only a server can judge.
        let read: Option<Value> = serde_json::from_slice(&call.body).ok();
        let another_id = read.is_some_and(|read| read.get("id").is_some_and(|id| !id.is_null()));
        prop_assert_eq!(replaced.is_ok(), call.body.starts_with(b"{") && !another_id);
        Ok(Fate::Sent)
    });
}

#[test]
fn what_came_back_is_what_was_given() {
    holds("JSON values", &object(4), |data| {
        let create = bucket("b").collection("c").records().add(&data);
        let read = request(&session(IdRule::Server), &create)?.unwrap();
        prop_assert_eq!(&read.json()["data"], &Value::Object(data));
        prop_assert!(!read.body.iter().any(|byte| *byte < b' '));
        Ok(Fate::Sent)
    });
}

/// Text of megabytes, and names of objects that begin alike.
#[test]
fn huge_ones() {
    let pieces = (text(), 1..200_000_usize);
    crate::property::holds_in_some("huge text", 32, &pieces, |(piece, times)| {
        let huge = piece.repeat(times.min(4_000_000 / piece.len().max(1)));
        let data = BTreeMap::from([(huge.clone(), "name"), ("value".to_owned(), huge.as_str())]);
        let read = request(&session(IdRule::Server), &bucket("b").collection("c").records().add(&data))?.unwrap();
        prop_assert_eq!(&read.json()["data"], &serde_json::to_value(&data).unwrap());
        Ok(Fate::Sent)
    });
}
