//! Dropping what is on the wire: the connection goes with it, and the others stay.

use std::time::Duration;

use kinto_async::{Client, Object, Policy, Resource, Result, bucket};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const RECORD: &str = r#"{"data":{"id":"a","last_modified":7}}"#;

/// A server whose every step the test takes itself, on the runtime of the client.
struct Server(TcpListener);

impl Server {
    async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn client(&self) -> Client {
        let mut policy = Policy::default();
        policy.attempts = 1;
        Client::builder(format!("http://{}/v1", self.0.local_addr().unwrap())).policy(policy).build().unwrap()
    }

    async fn accept(&self) -> Connection {
        Connection(soon(self.0.accept()).await.unwrap().0)
    }

    /// Nobody has connected.
    async fn is_left_alone(&self) {
        // As long as it takes to be sure: what is sent by mistake is sent at once.
        assert!(timeout(Duration::from_millis(20), self.0.accept()).await.is_err());
    }
}

struct Connection(TcpStream);

impl Connection {
    /// Something is there to be read.
    async fn is_asked(&self) {
        assert_eq!(soon(self.0.peek(&mut [0])).await.unwrap(), 1);
    }

    /// The first line of the next request.
    async fn request(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
            bytes.push(soon(self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(bytes).unwrap().lines().next().unwrap().to_owned()
    }

    async fn answer(&mut self, body: &str) {
        self.write(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The client has closed it, and wrote nothing more before.
    async fn is_closed(&mut self) {
        assert_eq!(soon(self.0.read(&mut [0; 64])).await.unwrap_or(0), 0, "more was sent");
    }
}

/// What must not hang, so that a mistake is a failure and not a silence.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10), future).await.expect("it hangs")
}

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// Sends in a task of its own, which can be dropped.
fn get(client: &Client, id: &str) -> JoinHandle<Result<Object>> {
    let (client, get) = (client.clone(), records().get(id));
    tokio::spawn(async move { client.send(get).await })
}

async fn drop_it<T>(task: JoinHandle<T>) {
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
}

#[test]
fn a_request_that_waits_for_its_answer_takes_its_connection_along() {
    run(async {
        let server = Server::bind().await;
        let client = server.client();
        let task = get(&client, "a");
        let mut first = server.accept().await;
        assert!(first.request().await.starts_with("GET /v1/buckets/b/collections/c/records/a "));
        drop_it(task).await;
        first.is_closed().await;
        server.is_left_alone().await;

        // The next one has another, and those after it the same.
        let mut second = None;
        for id in ["b", "c", "d"] {
            let task = get(&client, id);
            let connection = match &mut second {
                Some(connection) => connection,
                none => none.insert(server.accept().await),
            };
            assert!(connection.request().await.contains(&format!("/records/{id} ")));
            connection.answer(RECORD).await;
            soon(task).await.unwrap().unwrap();
        }
        server.is_left_alone().await;
    });
}

#[test]
fn an_answer_that_is_half_read_takes_its_connection_along() {
    run(async {
        for beginning in [
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\"",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"data\"\r\n",
        ] {
            let server = Server::bind().await;
            let client = server.client();
            let task = get(&client, "a");
            let mut connection = server.accept().await;
            connection.request().await;
            connection.write(beginning).await;
            // What the client has to read is read once its runtime had nothing else to do.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            drop_it(task).await;
            connection.is_closed().await;
        }
    });
}

#[test]
fn a_connection_that_served_before_is_closed_as_well_and_the_others_stay() {
    run(async {
        let server = Server::bind().await;
        let client = server.client();
        // Two at once, so that there are two connections.
        let tasks = [get(&client, "a"), get(&client, "b")];
        let mut connections = [server.accept().await, server.accept().await];
        for connection in &mut connections {
            connection.request().await;
            connection.answer(RECORD).await;
        }
        for task in tasks {
            soon(task).await.unwrap().unwrap();
        }

        // One of them is used again, and lost.
        let task = get(&client, "c");
        let [one, two] = connections;
        let (mut lost, mut kept) = tokio::select! {
            () = one.is_asked() => (one, two),
            () = two.is_asked() => (two, one),
        };
        assert!(lost.request().await.contains("/records/c "));
        drop_it(task).await;
        lost.is_closed().await;

        // The other has not noticed.
        let task = get(&client, "d");
        assert!(kept.request().await.contains("/records/d "));
        kept.answer(RECORD).await;
        soon(task).await.unwrap().unwrap();
        server.is_left_alone().await;
    });
}

#[test]
fn an_answer_that_comes_too_late_is_nobody_s() {
    run(async {
        let server = Server::bind().await;
        let client = server.client();
        let task = get(&client, "mine");
        let mut first = server.accept().await;
        first.request().await;
        drop_it(task).await;
        // It is on its way already: whoever asks next must not get it.
        first.answer(r#"{"data":{"id":"mine","last_modified":7}}"#).await;
        let task = get(&client, "yours");
        let mut second = server.accept().await;
        assert!(second.request().await.contains("/records/yours "));
        second.answer(r#"{"data":{"id":"yours","last_modified":7}}"#).await;
        assert_eq!(soon(task).await.unwrap().unwrap().id, "yours");
    });
}

#[test]
fn a_cursor_goes_on_over_another_connection() {
    run(async {
        let server = Server::bind().await;
        let client = server.client();
        let mut pages = records().list().pages();
        let next = "HTTP/1.1 200 OK\r\nETag: \"7\"\r\nNext-Page: http://x/v1/x?_token=t\r\n";
        let page = r#"{"data":[{"id":"a","last_modified":7}]}"#;

        let (first, mut connection) = tokio::join!(client.send(&mut pages), async {
            let mut connection = server.accept().await;
            connection.request().await;
            connection.write(&format!("{next}Content-Length: {}\r\n\r\n{page}", page.len())).await;
            connection
        });
        assert_eq!(first.unwrap().unwrap().items.len(), 1);

        tokio::select! {
            _ = client.send(&mut pages) => panic!("nothing was answered"),
            line = connection.request() => assert!(line.contains("_token=t")),
        }
        connection.is_closed().await;

        let (second, line) = tokio::join!(client.send(&mut pages), async {
            let mut connection = server.accept().await;
            let line = connection.request().await;
            connection.answer(page).await;
            line
        });
        assert!(line.contains("_token=t") && second.unwrap().unwrap().items.len() == 1 && pages.is_at_end());
    });
}

#[test]
fn a_pool_survives_futures_that_are_dropped_at_any_poll() {
    run(async {
        let server = Server::bind().await;
        let client = server.client();
        let serving = tokio::spawn(async move {
            loop {
                let mut connection = server.0.accept().await.unwrap().0;
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    while connection.read(&mut bytes).await.is_ok_and(|count| count > 0) {
                        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len());
                        if connection.write_all(answer.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let mut completed = 0;
        for polls in 0..60 {
            // How many polls it takes depends on the network; dropped in between or not, the next one is served.
            let write = client.send(records().replace("a", &json!({"n": polls})));
            completed += usize::from(crate::fake::polled(write, polls % 12).await.is_some());
            soon(client.send(records().get("a"))).await.unwrap();
        }
        assert!(completed > 0, "some must have had enough polls");
        serving.abort();
    });
}
