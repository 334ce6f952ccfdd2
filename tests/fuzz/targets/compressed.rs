//! Compressed bodies: not larger than allowed, however often they were compressed, and what they say or an error.

use std::io::Write as _;

use kinto_protocol::{ErrorKind, Response, Session, Step};

use super::answers;
use super::bench::Bench;
use super::flows::records;

/// What the policy of the bench allows.
const MOST: usize = 1 << 16;

/// As a server does it.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all")
}

/// The first line says what is done with the rest: `raw` is given as it is, `long` is repeated until it is long, anything
/// else is compressed.
pub(super) fn run(bytes: &[u8]) {
    let (how, rest) = answers::line(bytes);
    let plain = match how {
        b"long" if !rest.is_empty() => rest.repeat((1 << 20) / rest.len()),
        _ => rest.to_vec(),
    };
    let body = if how == b"raw" { plain.clone() } else { gzip(&plain) };
    for status in [200, 404] {
        let mut answer = Response::new(body.clone().into());
        *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        let coding = http::HeaderValue::from_static("gzip");
        answer.headers_mut().insert(http::header::CONTENT_ENCODING, coding);
        let result = read(answer);
        match result {
            Ok(object) => {
                assert!(plain.len() <= MOST, "larger than it may be");
                if how != b"raw" {
                    let text = [b"200\n\n", plain.as_slice()].concat();
                    let same = Bench::new("", &text).read(records().get("a")).expect("the same without gzip");
                    assert_eq!(object, same);
                }
            }
            Err(error) if status == 404 => assert!(error.is_not_found(), "{error}"),
            Err(error) if how != b"raw" && plain.len() > MOST => {
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}")
            }
            Err(error) => super::bench::look_into(&error),
        }
    }
}

fn read(answer: Response) -> kinto_protocol::Result<kinto_protocol::Object> {
    let mut policy = kinto_protocol::Policy::default();
    policy.limits.response_bytes = MOST as u64;
    let session = Session::builder("https://here.example/v1").policy(policy).build()?;
    let now = kinto_protocol::Moment::default();
    let mut exchange = session.exchange(records().get("a"));
    let Step::Send(..) = exchange.next(now) else { panic!("nothing is asked") };
    exchange.handle(Ok(answer), now);
    let Step::Done(result) = exchange.next(now) else { panic!("more is asked") };
    result
}
