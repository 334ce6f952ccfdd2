//! One record, read with kinto-blocking.

use kinto_blocking::{Auth, Client, Object, bucket};

#[derive(Debug, serde::Deserialize)]
struct Article {
    title: String,
    words: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of a server")?;
    let client = Client::builder(&url).auth(Auth::basic("bench", "a long password")).build()?;
    let articles = bucket("bench").collection("articles").records().typed::<Article>();
    let Object { id, data: Article { title, words }, .. } = client.send(articles.get("first"))?;
    println!("{id}: {title}, {words} words");
    Ok(())
}
