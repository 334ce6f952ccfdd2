//! Answers that a server or a proxy has compressed, decoded in one place and within the limit.

use std::io::Read as _;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::error::{Error, ErrorKind, Result};
use crate::session::Response;

/// The answer as it was before it was compressed: one layer of gzip, whole, and no larger than this.
pub(crate) fn decoded(response: Response, limit: u64) -> Result<Response> {
    if response.headers().get(CONTENT_ENCODING).is_none_or(|coding| coding != "gzip") || response.body().is_empty() {
        return Ok(response);
    }
    let (mut head, body) = response.into_parts();
    let mut decoder = GzDecoder::new(&body[..]);
    let mut plain = Vec::new();
    // One byte more than allowed tells "just as large" from "larger", without decoding all of a bomb.
    let read = (&mut decoder).take(limit.saturating_add(1)).read_to_end(&mut plain);
    let broken = || Error::new(ErrorKind::Decode, "the compressed body of the answer is broken");
    read.map_err(|error| broken().caused_by(error.into()))?;
    if plain.len() as u64 > limit {
        return Err(Error::new(ErrorKind::TooLarge, "the answer, decompressed, is larger than the limit"));
    }
    if !decoder.into_inner().is_empty() {
        return Err(broken());
    }
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(head, Bytes::from(plain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn answer(body: Vec<u8>) -> Response {
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        response
    }

    #[test]
    fn one_layer_is_taken_off() {
        let plain = decoded(answer(gzip(b"{}")), 2).unwrap();
        assert_eq!(plain.body(), "{}");
        assert!(plain.headers().is_empty());
        let twice = decoded(answer(gzip(&gzip(b"{}"))), 100).unwrap();
        assert_eq!(twice.body()[..], gzip(b"{}")[..]);
        assert_eq!(decoded(Response::new("x".into()), 1).unwrap().body(), "x");
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(decoded(answer(bomb), 9_999_999).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn what_is_cut_or_corrupt_is_an_error() {
        let whole = gzip(b"{\"data\":{}}");
        for length in 1..whole.len() {
            assert!(decoded(answer(whole[..length].to_vec()), 100).is_err(), "{length}");
        }
        let mut wrong = whole.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert!(decoded(answer(wrong), 100).is_err());
        assert!(decoded(answer([whole, b"x".to_vec()].concat()), 100).is_err());
        assert!(decoded(answer(b"not gzip at all".to_vec()), 100).is_err());
    }
}
