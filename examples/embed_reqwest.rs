//! The core without either client: driven by `reqwest`, for programs that have one already.
//!
//! What a program needs to drive `kinto-protocol` stands between the two marks below: a loop that does what it is told,
//! and a function that moves bytes. Proxies, certificates and everything else of the connection are those of the
//! program's own `reqwest::Client`.
//!
//! ```text
//! cargo run --example embed_reqwest
//! cargo run --example embed_reqwest -- --server http://kinto.example/v1 --auth USER:PASS
//! ```

use std::error::Error;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use http::response::Parts;
use kinto_examples::{place, say, title};
use kinto_protocol::{
    FailureKind, Flow, Limits, Moment, Request, Response, Result, Session, Step, TransportError, bucket, buckets,
    server_info,
};
use reqwest::{Client, redirect, retry};
use serde_json::json;

// ── the glue begins ──
/// Does what the exchange says, until it says that all is done.
pub(crate) async fn send<F: Flow>(client: &Client, session: &Session, flow: F) -> Result<F::Output> {
    // One clock for the whole program: a session remembers until when its server wants silence.
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    let mut exchange = session.exchange(flow);
    loop {
        match exchange.next(Moment::at(STARTED.elapsed())) {
            // Whatever comes of it is told. Whether it is sent again, and when, is not decided here.
            Step::Send(request, limits) => {
                let outcome = put_on_the_wire(client, request, &limits).await;
                exchange.handle(outcome, Moment::at(STARTED.elapsed()));
            }
            Step::Wait(pause) => tokio::time::sleep(pause).await,
            Step::Done(result) => return result,
        }
    }
}

/// Moves bytes: one request, one answer, whatever its status.
async fn put_on_the_wire(client: &Client, request: Request, limits: &Limits) -> Result<Response, TransportError> {
    let mut request = reqwest::Request::try_from(request).map_err(failure)?;
    *request.timeout_mut() = Some(limits.total);
    let head = tokio::time::timeout(limits.head.saturating_add(limits.connect), client.execute(request));
    let late = |_| TransportError::new(FailureKind::Timeout, "the head of the answer took too long");
    let (Parts { status, headers, .. }, mut body) = in_two(head.await.map_err(late)?.map_err(failure)?);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await.map_err(failure)? {
        // The limit holds while the body comes, so that no server can fill the memory.
        if (bytes.len() + chunk.len()) as u64 > limits.response_bytes {
            return Err(TransportError::new(FailureKind::TooLarge, "the answer is too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let mut answer = Response::new(bytes.into());
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    Ok(answer)
}
// ── the glue ends ──
