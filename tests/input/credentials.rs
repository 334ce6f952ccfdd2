//! Credentials: what the server decodes is what was given, and nobody else sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinto_protocol::{Auth, Session, server_info};
use proptest::prelude::*;

use crate::caller::{ROOT, SECRET, hides, is_clear};
use crate::hostile::{text, word};
use crate::property::{Fate, Verdict, holds};
use crate::strict::on_the_wire;

fn secrets() -> impl Strategy<Value = String> {
    let text = || prop_oneof![2 => Just(String::new()), 1 => word(), 2 => text()];
    (text(), text()).prop_map(|(before, after)| format!("{before}{SECRET}{after}"))
}

/// What stands in `Authorization`.
fn sent(auth: &Auth) -> Result<Result<String, kinto_protocol::Error>, TestCaseError> {
    hides(&format!("{auth:?}"))?;
    let builder = Session::builder(ROOT).auth(auth.clone());
    hides(&format!("{builder:?}"))?;
    let session = match builder.build() {
        Ok(session) => session,
        Err(error) => {
            is_clear(&error)?;
            return Ok(Err(error));
        }
    };
    let request = session.request(&server_info()).unwrap();
    hides(&format!("{request:?} {session:?}"))?;
    let read = on_the_wire(&request).map_err(TestCaseError::fail)?;
    Ok(Ok(read.header("authorization").unwrap().to_owned()))
}

fn basic(header: &str) -> String {
    let token = header.strip_prefix("Basic ").unwrap();
    String::from_utf8(STANDARD.decode(token).unwrap()).unwrap()
}

#[test]
fn names_and_passwords() {
    holds("basic", &(prop_oneof![word(), text()], secrets()), |(user, password)| {
        match sent(&Auth::basic(&user, &password))? {
            Ok(header) => {
                prop_assert!(!user.is_empty() && !user.contains(':'));
                prop_assert_eq!(basic(&header), format!("{user}:{password}"));
                Ok(Fate::Sent)
            }
            Err(_) => {
                prop_assert!(user.is_empty() || user.contains(':'));
                Ok(Fate::Refused)
            }
        }
    });
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte > b' ' && byte != 0x7f)
}

fn token_of(scheme: &str, token: &str, auth: &Auth) -> Verdict {
    let named = !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    match sent(auth)? {
        Ok(header) => {
            prop_assert!(named && is_token(token));
            prop_assert_eq!(header, format!("{scheme} {token}"));
            Ok(Fate::Sent)
        }
        Err(_) => {
            prop_assert!(!(named && is_token(token)));
            Ok(Fate::Refused)
        }
    }
}

#[test]
fn tokens() {
    let schemes = prop_oneof![2 => Just("Bearer".to_owned()), 1 => word(), 1 => text()];
    holds("tokens", &(schemes, secrets()), |(scheme, token)| token_of(&scheme, &token, &Auth::token(&scheme, &token)));
    holds("bearer tokens", &secrets(), |token| token_of("Bearer", &token, &Auth::bearer(&token)));
}

/// From one string: a name and a password come out as such, whatever the password.
#[test]
fn from_one_string() {
    let users = prop_oneof![word(), text()].prop_map(|user| user.replace([':', ' '], ""));
    holds("credentials in one string", &(users, secrets()), |(user, password)| {
        match format!("{user}:{password}").parse::<Auth>() {
            Ok(auth) => {
                prop_assert_eq!(basic(&sent(&auth)?.unwrap()), format!("{user}:{password}"));
                Ok(Fate::Sent)
            }
            Err(error) => {
                is_clear(&error)?;
                prop_assert!(user.is_empty());
                Ok(Fate::Refused)
            }
        }
    });
    let anything = (text(), secrets()).prop_map(|(before, after)| before + &after);
    holds("anything as credentials", &anything, |anything| match anything.parse::<Auth>() {
        Ok(auth) => sent(&auth).map(|_| Fate::Sent),
        Err(error) => is_clear(&error).map(|()| Fate::Refused),
    });
}

/// What a server sends back of them is not shown either.
#[test]
fn what_a_server_repeats() {
    use kinto_protocol::{Moment, Response, Step};

    let inputs = (secrets().prop_filter("can be sent", |it| is_token(it)), any::<bool>());
    holds("secrets that a server repeats", &inputs, |(secret, bearer)| {
        let builder = Session::builder(ROOT);
        let builder =
            if bearer { builder.auth(Auth::bearer(&secret)) } else { builder.header("X-Api-Key", secret.as_str()) };
        let session = builder.build().unwrap();
        let mut exchange = session.exchange(server_info());
        let Step::Send(..) = exchange.next(Moment::default()) else { panic!("it asks nothing") };
        let body =
            serde_json::json!({"code": 401, "errno": 104, "error": "no", "message": format!("you sent {secret}")});
        let answer = http::Response::builder().status(401).body(body.to_string().into());
        let answer: Response = answer.unwrap();
        exchange.handle(Ok(answer), Moment::default());
        let Step::Done(Err(error)) = exchange.next(Moment::default()) else { panic!("it is no error") };
        hides(&format!("{error} {error:?}"))?;
        Ok(Fate::Sent)
    });
}
