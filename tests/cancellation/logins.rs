//! Logins that are dropped, and those that nobody ends.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use kinto_async::{Client, ErrorKind, Login, Session};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::fake::{Fake, answer};

/// A client of a server with one provider.
fn client() -> Client {
    let providers = json!([{"name": "a", "auth_path": "/openid/a/login"}]);
    let info = json!({"capabilities": {"openid": {"providers": providers}}});
    let session = Session::builder("https://kinto.example/v1").build().unwrap();
    Client::with_transport(session, Fake::new(move |_| answer(200, &[], &info)))
}

/// The address in the login's URL.
fn place(url: &str) -> String {
    let start = url.split_once("127.0.0.1%3A").unwrap().1;
    format!("127.0.0.1:{}", &start[..start.find('%').unwrap()])
}

#[tokio::test(start_paused = true)]
async fn five_minutes_are_enough() {
    let begun = Instant::now();
    let error = client().login(Login::new(), |_| Ok::<_, String>(())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert_eq!(error.to_string(), "nobody has signed in within 300 s (what does the browser show?)");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(300) && took < Duration::from_secs(301), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn as_long_as_one_likes() {
    let client = client();
    let login = client.login(Login::new().timeout(Duration::MAX), |_| Ok::<_, String>(()));
    assert!(timeout(Duration::from_secs(24 * 3600), login).await.is_err());
}

#[tokio::test]
async fn a_dropped_login_listens_no_more() {
    let client = client();
    let (told, tells) = mpsc::channel();
    let login = client.login(Login::new(), move |url| {
        let guest = TcpStream::connect(place(url))?;
        told.send((place(url), guest)).unwrap();
        Ok::<_, std::io::Error>(())
    });
    assert!(timeout(Duration::from_millis(20), login).await.is_err());
    let (place, mut guest) = tells.recv().unwrap();
    assert!(matches!(guest.read(&mut [0]), Ok(0) | Err(_)), "whoever was there is sent away");
    assert!(TcpStream::connect(place).is_err());
}

#[test]
fn its_future_goes_to_other_threads() {
    fn is_send<T: Send>(_: T) {}
    is_send(client().login(Login::new(), |_| Ok::<_, std::io::Error>(())));
}
