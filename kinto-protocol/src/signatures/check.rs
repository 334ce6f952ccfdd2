//! The signatures of one collection, tried one after the other.

use std::collections::VecDeque;
use std::time::SystemTime;

use bytes::Bytes;
use http::Method;

use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::reply::Reply;
use crate::session::Session;

use super::content_signature::{ContentSignature, refused};
use super::verifier::Verifier;

/// What becomes of records whose signature cannot be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "a fourth would be one of these")]
pub enum Verification {
    /// They are an error, and nobody sees them.
    #[default]
    Enforce,
    /// They are told, as [`Event::Unverified`](crate::Event::Unverified), and given all the same.
    Warn,
    /// They are given as they are: no signature is looked at.
    Off,
}

/// A verification under way. It is begun with the records and their signatures, and then told what it asks for.
#[derive(Debug)]
pub(crate) struct Check {
    verifier: Verifier,
    now: SystemTime,
    message: String,
    left: VecDeque<ContentSignature>,
    failures: Vec<Error>,
}

/// How far a verification is.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it does not live for long")]
pub(crate) enum Progress {
    /// It needs the certificates of the signature that is next.
    Ask(Call),
    /// A signature is that of the records.
    Verified,
    /// None is.
    Refused(Error),
}

/// The request for the certificates at a URL in a signature.
fn certificates(session: &Session, url: &str) -> Result<Call> {
    let place = session.elsewhere(url);
    let place = place.map_err(|why| refused(format!("the certificates of the signer cannot be fetched, {why}")))?;
    Ok(Call::elsewhere(Method::GET, place))
}

/// The certificates, if that is what the answer is.
fn had(reply: &Reply) -> Result<&Bytes> {
    reply.success().map(Reply::body).map_err(|error| {
        let error = error.during(reply.call().line(), reply.attempts().count, None);
        // That they are not there is not to be taken for what the server says of the collection.
        if error.is_retryable() {
            error
        } else {
            refused(format!("the certificates of the signer cannot be had: {error}"))
        }
    })
}

impl Check {
    pub(crate) fn new(verifier: &Verifier, now: SystemTime) -> Self {
        let (message, left, failures) = (String::new(), VecDeque::new(), Vec::new());
        Self { verifier: verifier.clone(), now, message, left, failures }
    }

    /// Begins with what is signed and its signatures.
    pub(crate) fn begin(&mut self, session: &Session, message: String, signatures: Vec<ContentSignature>) -> Progress {
        self.message = message;
        self.left = signatures.into();
        self.failures.clear();
        self.go_on(session)
    }

    /// Takes the answer to what was asked.
    pub(crate) fn answered(&mut self, session: &Session, reply: &Reply) -> Progress {
        if let Some(signature) = self.left.pop_front() {
            let verified = had(reply).and_then(|pem| self.verify(&signature, Some(pem)));
            match verified {
                Ok(()) => {
                    // Only what has proved good is kept, so that nothing else ever stands in its way.
                    self.verifier.keep(&signature.x5u, reply.body().clone());
                    return Progress::Verified;
                }
                Err(error) => self.failures.push(error),
            }
        }
        self.go_on(session)
    }

    /// What was asked for cannot be had.
    pub(crate) fn unanswered(&mut self, session: &Session, error: Error) -> Progress {
        self.left.pop_front();
        self.failures.push(error);
        self.go_on(session)
    }

    /// Goes on with the signature that is next.
    fn go_on(&mut self, session: &Session) -> Progress {
        while let Some(signature) = self.left.front() {
            let verified = match self.verifier.needs(signature) {
                Err(error) => Err(error),
                Ok(None) => self.verify(signature, None),
                // Those at hand may have expired, and others be there by now: they are not asked what is wrong.
                Ok(Some(url))
                    if self.verifier.recall(url).is_some_and(|pem| self.verify(signature, Some(&pem)).is_ok()) =>
                {
                    Ok(())
                }
                Ok(Some(url)) => match certificates(session, url) {
                    Ok(call) => return Progress::Ask(call),
                    Err(error) => Err(error),
                },
            };
            match verified {
                Ok(()) => return Progress::Verified,
                Err(error) => self.failures.push(error),
            }
            self.left.pop_front();
        }
        Progress::Refused(summary(std::mem::take(&mut self.failures)))
    }

    fn verify(&self, signature: &ContentSignature, chain: Option<&Bytes>) -> Result<()> {
        self.verifier.verify(self.message.as_bytes(), signature, chain.map(|pem| &**pem), self.now)
    }
}

/// One error for all signatures of a collection.
fn summary(mut failures: Vec<Error>) -> Error {
    // What may be otherwise the next time comes first, and what is alone says most by itself.
    let passing = failures.iter().position(|error| error.kind() != ErrorKind::Signature);
    if let Some(index) = passing.or((failures.len() == 1).then_some(0)) {
        return failures.swap_remove(index);
    }
    if failures.is_empty() {
        let hint = "signed are collections that are published, mostly in another bucket than the one for writing";
        return refused("the collection is not signed").hint(hint);
    }
    let lines: Vec<String> = failures.iter().map(Error::to_string).collect();
    refused(format!("none of its {} signatures can be verified: {}", lines.len(), lines.join("; ")))
}
