//! Headers of the caller's, and those that are made of what the caller says.

use kinto_protocol::{Call, IdRule, Method, Precondition, Session, Timestamp, bucket, endpoints};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::caller::{ROOT, SECRET, further, hides, is_clear, request, session};
use crate::hostile::{text, word};
use crate::property::{Fate, holds};
use crate::strict::on_the_wire;

/// What would be another request, another caller or another length.
const RESERVED: [&str; 18] = [
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Expect",
    "Host",
    "If-Match",
    "If-None-Match",
    "Keep-Alive",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
];

fn names() -> impl Strategy<Value = String> {
    let reserved = (select(&RESERVED[..]), any::<bool>());
    let reserved = reserved.prop_map(|(name, upper)| if upper { name.to_uppercase() } else { name.to_owned() });
    let odd = (select(&RESERVED[..]), text()).prop_map(|(name, after)| name.to_owned() + &after);
    prop_oneof![4 => word().prop_map(|name| format!("X-{name}")), 1 => reserved, 1 => odd, 2 => text()]
}

/// What a header can carry: no control characters but the tab.
fn carried(value: &str) -> bool {
    !value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
}

fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

/// Spaces around a value are no part of it.
fn trimmed(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[test]
fn of_the_caller() {
    let values = prop_oneof![3 => word(), 3 => text()];
    let values = (values.clone(), values).prop_map(|(before, after)| format!("{before}{SECRET}{after}"));
    let inputs = (vec((names(), values), 1..4), 0..3);
    holds("headers", &inputs, |(given, where_to)| {
        let fine = |(name, value): &(String, String)| {
            is_name(name) && carried(value) && !RESERVED.iter().any(|it| it.eq_ignore_ascii_case(name))
        };
        let fine = given.iter().all(fine);
        let plain = Call::new(Method::GET, endpoints::buckets());
        let each = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let sent = match where_to {
            0 => {
                let call = each.clone().try_fold(plain, |call, (name, value)| call.header(name, value));
                call.map(|call| (session(IdRule::Server), call))
            }
            1 => {
                let with =
                    each.clone().try_fold(session(IdRule::Server), |it, (name, value)| it.with_header(name, value));
                with.map(|session| (session, plain))
            }
            _ => {
                let builder = Session::builder(ROOT)
                    .auth(kinto_protocol::Auth::basic("tester", SECRET))
                    .header("X-Token", SECRET);
                let builder = each.clone().fold(builder, |it, (name, value)| it.header(name, value));
                builder.build().map(|session| (session, plain))
            }
        };
        let (session, call) = match sent {
            Ok(sent) => sent,
            Err(error) => {
                is_clear(&error)?;
                prop_assert!(!fine, "{}", error);
                return Ok(Fate::Refused);
            }
        };
        prop_assert!(fine, "{:?}", given);
        hides(&format!("{session:?} {call:?}"))?;
        let built = session.request(&call).unwrap();
        hides(&format!("{built:?}"))?;
        let read = on_the_wire(&built).map_err(TestCaseError::fail)?;
        let mut expected: Vec<(String, &str)> = vec![("x-token".to_owned(), SECRET)];
        expected.extend(each.map(|(name, value)| (name.to_ascii_lowercase(), trimmed(value))));
        expected.sort_unstable();
        let always = ["host", "accept", "accept-encoding", "user-agent", "authorization"];
        let mut found: Vec<_> = read.headers.iter().filter(|(name, _)| !always.contains(&name.as_str())).collect();
        found.sort_unstable();
        let expected: Vec<_> = expected.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        prop_assert_eq!(found, expected.iter().collect::<Vec<_>>());
        Ok(Fate::Sent)
    });
}

#[test]
fn names_of_programs() {
    holds("user agents", &prop_oneof![word(), text()], |product| {
        let secret = format!("{product}{SECRET}");
        let built = Session::builder(ROOT).user_agent(secret.as_str()).build();
        let session = match built {
            Ok(session) => session,
            Err(error) => {
                is_clear(&error)?;
                prop_assert!(!carried(&secret));
                return Ok(Fate::Refused);
            }
        };
        let built = session.request(&kinto_protocol::server_info()).unwrap();
        let read = on_the_wire(&built).map_err(TestCaseError::fail)?;
        let agent = read.header("user-agent").unwrap();
        let expected = format!("{} kinto-protocol/", secret.trim_start_matches([' ', '\t']));
        prop_assert!(agent.starts_with(&expected));
        Ok(Fate::Sent)
    });
}

/// Every write and every read, with any timestamp as its condition.
#[test]
fn preconditions() {
    let conditions = (0..5, prop_oneof![any::<i64>(), 0..i64::MAX]);
    holds("preconditions", &(conditions, 0..4), |((condition, millis), verb)| {
        let at = Timestamp::from_millis(millis);
        let (condition, expected) = match condition {
            0 => (Precondition::None, None),
            1 => (Precondition::Absent, Some(("if-none-match", "*".to_owned()))),
            2 => (Precondition::Present, Some(("if-match", "*".to_owned()))),
            3 => (Precondition::Unchanged(at), Some(("if-match", format!("\"{millis}\"")))),
            _ => (Precondition::Changed(at), Some(("if-none-match", format!("\"{millis}\"")))),
        };
        let timely = matches!(condition, Precondition::Unchanged(_) | Precondition::Changed(_));
        let (session, records) = (session(IdRule::Server), bucket("b").collection("c").records());
        let (sent, timely, expected) = match verb {
            0 => {
                let call = Call::new(Method::DELETE, endpoints::buckets()).precondition(condition);
                (request(&session, &call)?, timely, expected)
            }
            1 => (request(&session, &records.delete("r").if_match(at))?, true, Some(("if-match", at.etag()))),
            2 => {
                let put = records.create("r", &serde_json::json!({})).if_match(at);
                (request(&session, &put)?, true, Some(("if-match", at.etag())))
            }
            _ => {
                let get = records.get("r").if_changed_since(at);
                (request(&session, &get)?, true, Some(("if-none-match", at.etag())))
            }
        };
        let Ok(read) = sent else {
            prop_assert!(timely && millis < 0);
            return Ok(Fate::Refused);
        };
        prop_assert!(!timely || millis >= 0);
        let found: Vec<_> = further(&read).into_iter().filter(|(name, _)| name.starts_with("if-")).collect();
        prop_assert_eq!(found, expected.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
        Ok(Fate::Sent)
    });
}

/// However many there are, nobody panics over them.
#[test]
fn more_than_any_request_has() {
    let name = |number: u32| format!("x-{number}");
    let mut call = Ok(Call::new(Method::GET, endpoints::buckets()));
    let mut builder = Session::builder(ROOT);
    for number in 0..40_000 {
        call = call.and_then(|call| call.header(&name(number), SECRET));
        builder = builder.header(name(number), SECRET);
    }
    is_clear(&call.unwrap_err()).unwrap();
    is_clear(&builder.build().unwrap_err()).unwrap();

    // Some of the session's, and some of the call's.
    let half = |from: u32| (from..from + 15_000).map(name);
    let with = half(0).try_fold(session(IdRule::Server), |session, name| session.with_header(&name, SECRET));
    let call =
        half(15_000).try_fold(Call::new(Method::GET, endpoints::buckets()), |call, name| call.header(&name, "1"));
    match (with, call) {
        (Ok(session), Ok(call)) => is_clear(&session.request(&call).unwrap_err()).unwrap(),
        (with, call) => {
            for error in [with.err(), call.err()].into_iter().flatten() {
                is_clear(&error).unwrap();
            }
        }
    }
}
