//! Data, written on the command line field by field.

use std::fs;
use std::io::{self, Read as _};

use serde_json::{Map, Value};

use crate::failure::Failure;

/// The object that they make, one after the other.
pub(crate) fn object(fields: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut object = Map::new();
    for field in fields {
        if let Some(path) = field.strip_prefix('@') {
            match json(&read(path)?, path)? {
                Value::Object(all) => object.extend(all),
                _ => return Err(Failure::Usage(format!("what is in {path} is no JSON object"))),
            }
            continue;
        }
        let wrong = || Failure::Usage(format!("\"{field}\" is no field: expected NAME=TEXT, NAME:=JSON or @FILE"));
        let (name, value) = field.split_once('=').ok_or_else(wrong)?;
        let (name, is_json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
        if name.is_empty() {
            return Err(wrong());
        }
        let text = value.strip_prefix('@').map_or_else(|| Ok(value.to_owned()), read)?;
        let value = if is_json { json(&text, name)? } else { text.into() };
        object.insert(name.to_owned(), value);
    }
    Ok(object)
}

/// The text of a file, or of standard input.
pub(crate) fn read(path: &str) -> Result<String, Failure> {
    let text = if path == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| Failure::Local(format!("{path}: {error}")))
}

/// JSON, and where it is from.
pub(crate) fn json(text: &str, from: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Usage(format!("{from}: this is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_of_all_sorts() {
        let fields = ["a=1", "b:=1", "c=x=y", "d:=[null]", "e=", "a=2", "f:=\"\""].map(str::to_owned);
        let expected = json!({"a": "2", "b": 1, "c": "x=y", "d": [null], "e": "", "f": ""});
        assert_eq!(Value::Object(object(&fields).unwrap()), expected);
        for wrong in ["a", "=1", ":=1", "a:=x", "@/does/not/exist"] {
            assert!(object(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
