//! One record, read with kinto-async.

use kinto_async::{Auth, Client, Object, bucket};

#[derive(Debug, serde::Deserialize)]
struct Article {
    title: String,
    words: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the URL of a server")?;
    let client = Client::builder(&url).auth(Auth::basic("bench", "a long password")).build()?;
    let articles = bucket("bench").collection("articles").records().typed::<Article>();
    let Object { id, data: Article { title, words }, .. } = client.send(articles.get("first")).await?;
    println!("{id}: {title}, {words} words");
    Ok(())
}
