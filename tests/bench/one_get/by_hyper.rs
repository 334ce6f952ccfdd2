//! One record, read with hyper.

use http_body_util::{BodyExt as _, Empty};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

#[derive(Debug, serde::Deserialize)]
struct Article {
    id: String,
    title: String,
    words: u32,
}

#[derive(Debug, serde::Deserialize)]
struct Answer {
    data: Article,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of a server")?;
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<hyper::body::Bytes>>(connector);
    let url = format!("{url}/buckets/bench/collections/articles/records/first");
    let request =
        hyper::Request::get(url).header("authorization", "Basic YmVuY2g6YSBsb25nIHBhc3N3b3Jk").body(Empty::new())?;
    let answer = client.request(request).await?;
    if !answer.status().is_success() {
        return Err(answer.status().to_string().into());
    }
    let Answer { data: Article { id, title, words } } =
        serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    println!("{id}: {title}, {words} words");
    Ok(())
}
