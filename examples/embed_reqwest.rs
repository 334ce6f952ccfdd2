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
    let head = tokio::time::timeout(limits.connect.saturating_add(limits.head), client.execute(request)).await;
    let late = |_| TransportError::new(FailureKind::Timeout, "the head of the answer took too long");
    let mut answer = head.map_err(late)?.map_err(failure)?;
    let mut body = Vec::new();
    // The limit holds while the body comes, so that no server can fill the memory.
    while let Some(chunk) = answer.chunk().await.map_err(failure)? {
        if (body.len() + chunk.len()) as u64 > limits.response_bytes {
            return Err(TransportError::new(FailureKind::TooLarge, "the body of the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.into());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
// ── the glue ends ──

/// What the core has to know of a failure: its kind, and whether something may have been sent.
fn failure(error: reqwest::Error) -> TransportError {
    // The core names the server; the rest of the URL is nobody's business.
    let error = error.without_url();
    let (kind, sent) = match () {
        () if error.is_builder() => (FailureKind::Other, false),
        () if error.is_timeout() => (FailureKind::Timeout, !error.is_connect()),
        () if error.is_connect() => (FailureKind::Connect, false),
        () => (FailureKind::Interrupted, true),
    };
    let failure = TransportError::new(kind, error);
    if sent { failure.sent() } else { failure.not_sent() }
}

/// A client that leaves to the core what is the core's: redirects and retries.
pub(crate) fn client(session: &Session) -> reqwest::Result<Client> {
    let builder = Client::builder().redirect(redirect::Policy::none()).retry(retry::never());
    builder.connect_timeout(session.policy().limits.connect).build()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embed_reqwest: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    // New ids are random, and the core has no randomness of its own.
    let random = || u128::from(RandomState::new().build_hasher().finish());
    let session = Session::builder(&place.url).auth(place.auth.clone()).seed(random() << 64 | random()).build()?;
    let client = client(&session)?;

    title("Over reqwest");
    let info = send(&client, &session, server_info()).await?;
    say(&format!("{} answers at {}", info.project_name.unwrap_or_default(), place.url));
    let home = send(&client, &session, buckets().add(&json!({}))).await?;
    say(&format!("bucket {} is there", home.id));
    let told = tour(&client, &session, &home.id).await;
    // Whatever happened, nothing is left behind.
    send(&client, &session, buckets().delete(&home.id)).await?;
    say("and all of it is gone again");
    told
}

async fn tour(client: &Client, session: &Session, home: &str) -> Result<(), Box<dyn Error>> {
    send(client, session, bucket(home).collections().create("songs", &json!({}))).await?;
    let songs = bucket(home).collection("songs").records();
    for (number, name) in ["Aria", "Ballad", "Canon", "Dirge", "Etude"].into_iter().enumerate() {
        let song = send(client, session, songs.create(format!("song-{number}"), &json!({"name": name}))).await?;
        say(&format!("created {} at {}", song.id, song.last_modified));
    }
    let mut pages = songs.list().sort("name").page_size(2).pages();
    while let Some(page) = send(client, session, &mut pages).await? {
        let names: Vec<_> = page.into_iter().map(|song| song.data["name"].to_string()).collect();
        say(&format!("a page: {}", names.join(", ")));
    }
    match send(client, session, songs.create("song-0", &json!({"name": "Another"}))).await {
        Err(refused) => say(&format!("refused: {refused}")),
        Ok(_) => return Err("song-0 was there, and was created again".into()),
    }
    Ok(())
}
