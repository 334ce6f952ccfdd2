//! One record, read with ureq.

use std::sync::Arc;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of a server")?;
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let agent: Agent = Agent::config_builder().tls_config(tls).build().into();
    let url = format!("{url}/buckets/bench/collections/articles/records/first");
    let request = agent.get(&url).header("authorization", "Basic YmVuY2g6YSBsb25nIHBhc3N3b3Jk");
    let Answer { data: Article { id, title, words } } =
        serde_json::from_slice(&request.call()?.body_mut().read_to_vec()?)?;
    println!("{id}: {title}, {words} words");
    Ok(())
}
