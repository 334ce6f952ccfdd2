//! Paths that callers write themselves: they stand in the request as they were written, and lead nowhere else.

use kinto_protocol::{Call, IdRule, Method, Path, Session};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::caller::{SECRET, is_clear, request, session};
use crate::hostile::{id, text};
use crate::property::{Fate, holds};
use crate::strict::{decoded, encoded, on_the_wire};

fn paths() -> impl Strategy<Value = String> {
    let encoded = text().prop_map(|text| encoded(&text));
    let segment = prop_oneof![3 => id(), 3 => encoded, 1 => text(), 1 => Just(String::new())];
    vec(segment, 0..5).prop_map(|segments| segments.iter().map(|segment| format!("/{segment}")).collect())
}

#[test]
fn as_they_were_written() {
    let inputs = prop_oneof![6 => paths(), 1 => text()];
    holds("paths", &inputs, |written| {
        match written.parse::<Path>() {
            Ok(path) => {
                let read = request(&session(IdRule::Server), &Call::new(Method::DELETE, path))?;
                // Only what is too long for any request is found so late.
                let Ok(read) = read else {
                    prop_assert!(written.len() > 60_000);
                    return Ok(Fate::Refused);
                };
                prop_assert_eq!(read.target, format!("/v1{written}"));
                Ok(Fate::Sent)
            }
            Err(error) => {
                is_clear(&error)?;
                Ok(Fate::Refused)
            }
        }
    });
}

/// Without anything before it, a path must not become a host.
#[test]
fn below_a_root_without_a_path() {
    let session = Session::builder("http://localhost:8888").build().unwrap();
    holds("paths at the root of a host", &paths(), |written| {
        let Ok(path) = written.parse::<Path>() else { return Ok(Fate::Refused) };
        let request = session.request(&Call::new(Method::GET, path)).unwrap();
        prop_assert_eq!(request.uri().authority().map(|it| it.as_str()), Some("localhost:8888"));
        prop_assert_eq!(request.uri().path(), &written);
        on_the_wire(&request).map_err(TestCaseError::fail)?;
        Ok(Fate::Sent)
    });
}

/// What is plainly a path is taken, whatever it names.
#[test]
fn what_is_encoded_is_taken() {
    let words = vec(
        text().prop_filter("no steps", |text| !decoded(text).split(['/', '\\']).any(|it| it == "." || it == "..")),
        1..4,
    );
    holds("encoded paths", &words, |words| {
        let written: String = words.iter().map(|word| format!("/{}", encoded(word))).collect();
        if written.len() > 64_000 {
            return Ok(Fate::Refused);
        }
        prop_assert!(written.parse::<Path>().is_ok(), "{}", written);
        Ok(Fate::Sent)
    });
}

/// What comes after a question mark may be a secret.
#[test]
fn parameters_are_shown_nowhere() {
    holds("paths with parameters", &(paths(), text()), |(path, name)| {
        let written = format!("{path}?{name}={SECRET}");
        let error = written.parse::<Path>().unwrap_err();
        is_clear(&error)?;
        Ok(Fate::Sent)
    });
}
