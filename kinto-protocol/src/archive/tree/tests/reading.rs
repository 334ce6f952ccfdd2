//! What stands for which value, and what for none.

use serde_json::{Value, json};

use super::{again, refused, with};
use crate::archive::tree::YamlTree;
use crate::{ErrorKind, Result};

/// What a text stands for as a member of some data.
fn read(yaml: &str) -> Result<Value> {
    let text = format!("buckets: {{b: {{data: {{x: {yaml} }}}}}}");
    YamlTree::parse(&text).map(|tree| tree.buckets["b"].own.data.as_ref().unwrap()["x"].clone())
}

#[test]
fn numbers_come_back() {
    let floats =
        [0.0, -0.0, 0.1, 1.0, 1e22, 1e-7, 1.5e300, 5e-324, f64::MAX, f64::MIN_POSITIVE, -123_456_789.123_456_79];
    let whole = json!([0, -1, i64::MIN, i64::MAX, u64::MAX, 9_007_199_254_740_993_i64]);
    let tree = with(&json!({"floats": floats, "whole": whole, "not": [null, true, false, [], {}]}));
    assert_eq!(again(&tree), tree);
    for float in floats {
        let text = with(&json!({"v": float})).to_string();
        let number = text.split("v: ").nth(1).unwrap().lines().next().unwrap();
        let one_point = number.matches('.').count() == 1;
        // A number of YAML 1.1 too, which wants both.
        assert!(one_point && (!number.contains('e') || number.contains(['-', '+'])), "{number}");
        assert_eq!(read(number).unwrap(), json!(float), "{number}");
    }
}

#[test]
fn what_stands_without_quotes() {
    for (text, value) in [
        ("yes", json!("yes")),
        ("No", json!("No")),
        ("on", json!("on")),
        ("y", json!("y")),
        ("2020-01-01", json!("2020-01-01")),
        ("2020-01-01T00:00:00Z", json!("2020-01-01T00:00:00Z")),
        ("12:30:45", json!("12:30:45")),
        ("=", json!("=")),
        ("<<", json!("<<")),
        ("true", json!(true)),
        ("TRUE", json!(true)),
        ("False", json!(false)),
        ("~", Value::Null),
        ("Null", Value::Null),
        ("", Value::Null),
        ("017", json!(17)),
        ("+1", json!(1)),
        ("-0", json!(0)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0xffffffffffffffff", json!(u64::MAX)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("1e3", json!(1000.0)),
        (".5", json!(0.5)),
        ("1.", json!(1.0)),
        ("-1.5E-3", json!(-0.0015)),
        // A float that somebody wrote out to the last zero.
        ("100000000000000000000", json!(1e20)),
        ("inf", json!("inf")),
        ("0xg", json!("0xg")),
        ("0o8", json!("0o8")),
        ("1.2.3", json!("1.2.3")),
        ("1e", json!("1e")),
        (".", json!(".")),
        ("a_1", json!("a_1")),
        ("_1", json!("_1")),
        ("'1_000'", json!("1_000")),
        ("\"\\u00e9\\x41\\0\"", json!("éA\0")),
        ("!!str 12", json!("12")),
        ("! 12", json!("12")),
        ("!!seq [1]", json!([1])),
        ("!!map {a: 1}", json!({"a": 1})),
    ] {
        assert_eq!(read(text).unwrap(), value, "{text}");
    }
}

#[test]
fn what_json_cannot_say() {
    for (text, why) in [
        (".nan", "JSON has no number .nan"),
        ("-.INF", "JSON has no number -.INF"),
        ("1e999", "beyond what a number of 64 bits can be"),
        ("18446744073709551616", "18446744073709551616 is beyond what a number of 64 bits"),
        ("-9223372036854775809", "beyond"),
        ("0x10000000000000000", "beyond"),
        ("1_000", "some readers of YAML take 1_000 for a number, and others for a text"),
        ("0b11", "some readers"),
        ("-0x1F", "some readers"),
        ("1_0.5e1", "some readers"),
        ("!!binary aGk=", "JSON has no type for what is tagged \"tag:yaml.org,2002:binary\""),
        ("!!timestamp 2020-01-01", "timestamp"),
        ("!!int '3'", "JSON has no type"),
        ("!!set {a}", "JSON has no type"),
        ("!own a", "tagged \"!own\""),
        ("{1: 2}", "the name of a member must be a text, and 1 is none"),
        ("{~: 2}", "and null is none"),
        ("{true: 2}", "and true is none"),
        ("{[a]: 2}", "here is a list or a map"),
        ("{a: 1, 'a': 2}", "\"a\" stands here twice"),
        ("{<<: {a: 1}}", "merged"),
        ("*a", "it is no YAML"),
        ("&a [*a]", "an alias stands for what it is in itself"),
        ("[", "it is no YAML"),
        ("\"\\ud83d\"", "it is no YAML"),
        ("a\u{1}b", "it is no YAML"),
        ("'a\u{2028}  b'", "U+2028 stands in it"),
        ("a # \u{85}\n", "U+0085 stands in it, which some readers of YAML take for the end of a line"),
    ] {
        let error = read(text).map(|value| panic!("{text}: {value}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(why) && error.to_string().contains("line 1: "), "{text}: {error}");
    }
    assert_eq!(read("{'<<': 1, '1': 2}").unwrap(), json!({"<<": 1, "1": 2}));
}

#[test]
fn what_is_repeated() {
    let text = "buckets:\n  a: &a\n    permissions: &p\n      read: [x]\n  b: *a\n  c:\n    permissions: *p\n  d: {permissions: {*q : []}}\n";
    assert!(refused(text).contains("line 8: it is no YAML"));
    let tree = YamlTree::parse(&text.replace("*q ", "&q read: [&r y, *r], write")).unwrap();
    assert_eq!(tree.buckets["a"], tree.buckets["b"]);
    assert_eq!(tree.buckets["a"].own, tree.buckets["c"].own);

    let mut bomb = String::from("buckets: {b: {data: {a: &a0 [x, x, x, x, x, x, x, x, x],\n");
    (1..20).for_each(|n| bomb += &format!("b{n}: &a{n} [{}],\n", format!("*a{}, ", n - 1).repeat(9)));
    let error = refused(&(bomb + "}}}"));
    assert!(error.contains("its anchors and aliases repeat more than 16777216 bytes"), "{error}");
    let anchors: String = (0..100).map(|n| format!("&a{n} [")).collect();
    let nested = format!("buckets: {{b: {{data: {{x: {anchors}{}{}}}}}}}", "x".repeat(1_000_000), "]".repeat(100));
    assert!(refused(&nested).contains("repeat more than"));

    let deep = |depth: usize| format!("buckets: {{b: {{data: {{x: {}{} }}}}}}", "[".repeat(depth), "]".repeat(depth));
    YamlTree::parse(&deep(124)).unwrap();
    assert!(refused(&deep(125)).contains("line 1: it is nested deeper than 128 levels"));
    refused(&deep(100_000));
    let mut deep = String::from("buckets: {b: {data: {a: &a0 [x],\n");
    (1..200).for_each(|n| deep += &format!("b{n}: &a{n} [*a{}],\n", n - 1));
    assert!(refused(&(deep + "}}}")).contains("line 125: it is nested deeper than 128 levels"));
    let block = (0..200).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    refused(&block);
}
