//! Errors of every kind, by servers that repeat what they were told.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use kinto_protocol::{
    Auth, Batch, Call, Error, ErrorKind, JsonMap, Method, OnBackoff, Policy, Result, Verifier, accounts, bucket,
    server_info,
};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::canary::{HEADER, NEW_PASSWORD, TOKEN, USERINFO};
use crate::driver::{Driver, Setup};
use crate::echo::{answer, bytes, echo, echo_in_url, errors};
use crate::seen::Seen;

/// A client, and all that is seen of it.
pub(crate) struct Provoker<'a> {
    pub(crate) auth: Auth,
    pub(crate) seen: &'a Seen,
    /// Another origin, which is to hear nothing.
    pub(crate) other: &'a Stub,
}

impl Provoker<'_> {
    fn client<D: Driver>(&self, url: &str, change: impl FnOnce(&mut Policy)) -> D {
        let mut setup = Setup::of(url);
        setup.auth = Some(self.auth.clone());
        setup.headers = vec![("X-Api-Key".to_owned(), HEADER.to_owned())];
        setup.policy.attempts = 2;
        setup.policy.conflicts = 1;
        setup.policy.longest_wait = Duration::from_millis(2);
        setup.policy.first_wait = Duration::from_millis(1);
        setup.policy.limits.total = Duration::from_secs(5);
        change(&mut setup.policy);
        let events = self.seen.events();
        setup.observer = Some(Box::new(move |event| events(&format!("{event:?} {event:#?}"))));
        let client = D::build(setup).unwrap();
        self.seen.text("session", format!("{:?} {:#?}", client.session(), client.session().policy()));
        client
    }

    #[track_caller]
    fn failed<T>(&self, result: Result<T>) {
        let Err(error) = result else { panic!("an error was expected") };
        self.seen.error(error);
    }

    /// At a server that answers like this.
    fn at<D: Driver>(&self, respond: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> (Stub, D) {
        let stub = Stub::start(respond);
        let client = self.client(stub.url(), |_| {});
        (stub, client)
    }

    pub(crate) fn all<D: Driver>(&self) {
        self.input();
        self.no_answers::<D>();
        self.refusals::<D>();
        self.nonsense::<D>();
        self.elsewhere::<D>();
        self.patience::<D>();
        self.plugins::<D>();
        self.batches::<D>();
        self.files::<D>();
    }

    fn input(&self) {
        let build = |setup: Setup| kinto_blocking::Client::build(setup).map(|_| ());
        self.failed(build(Setup::of(format!("http://me:{USERINFO}@localhost/v1"))));
        self.failed(build(Setup::of(format!("http://localhost/v1?{USERINFO}"))));
        self.failed(format!("{TOKEN} x\r\ny").parse::<Auth>().map(|_| ()));
        self.failed(TOKEN.parse::<Auth>().map(|_| ()));
        let wrong = || Call::new(Method::GET, kinto_protocol::endpoints::root());
        self.failed(wrong().header("X-A", &format!("{HEADER}\r\n")));
        self.failed(wrong().header("Host", HEADER));
        let mut setup = Setup::of("http://localhost/v1");
        setup.headers = vec![("X-A".to_owned(), format!("{HEADER}\n"))];
        self.failed(build(setup));
        let builder = kinto_blocking::Client::builder(format!("http://me:{USERINFO}@localhost/v1"));
        self.seen.text("builder", format!("{:?}", builder.auth(self.auth.clone()).header("X-Api-Key", HEADER)));
        let builder = kinto_async::Client::builder(format!("http://me:{USERINFO}@localhost/v1"));
        self.seen.text("builder", format!("{:#?}", builder.auth(self.auth.clone()).header("X-Api-Key", HEADER)));
    }

    fn no_answers<D: Driver>(&self) {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", nobody.local_addr().unwrap());
        drop(nobody);
        self.failed(self.client::<D>(&url, |_| {}).send(server_info()));

        let (stub, client) = self.at::<D>(|_, request| Answer::Close(bytes(200, request, &[], "x")[..300].to_vec()));
        self.failed(client.send(bucket("b").collection("c").records().get("a")));
        drop(stub);
        let (_stub, client) =
            self.at::<D>(|_, request| Answer::Close(format!("SSH-2.0 {}\r\n\r\n", echo(request)).into()));
        self.failed(client.send(server_info()));
        let (_stub, client) = self.at::<D>(|_, request| {
            Answer::Close(format!("HTTP/1.1 200 OK\r\n{}\x01: {}\r\n\r\n", echo(request), echo(request)).into())
        });
        self.failed(client.send(server_info()));
        let (stub, _) = self.at::<D>(|_, request| Answer::Stall(bytes(200, request, &[], "{")[..100].to_vec()));
        let hasty = self.client::<D>(stub.url(), |policy| {
            policy.attempts = 1;
            policy.limits.total = Duration::from_millis(80);
        });
        self.failed(hasty.send(server_info()));
        let (stub, _) = self.at::<D>(|_, request| answer(200, request, &[], &echo(request)));
        self.failed(self.client::<D>(stub.url(), |policy| policy.limits.response_bytes = 5).send(server_info()));
    }

    fn refusals<D: Driver>(&self) {
        for (number, status) in
            [400, 401, 403, 404, 409, 412, 500, 503].into_iter().flat_map(|it| (0..9).map(move |n| (n, it)))
        {
            let (_stub, client) =
                self.at::<D>(move |_, request| answer(status, request, &[], &errors(request)[number]));
            self.failed(client.send(bucket("b").collection("c").records().create("a", &json!({}))));
            if number == 0 {
                self.failed(client.send(accounts_call(HEADER)));
            }
        }
        // What is being changed is a secret too, of this request alone.
        for number in 0..9 {
            let (_stub, client) = self.at::<D>(move |_, request| match request.starts_with("GET") {
                true => answer(200, request, &[], r#"{"capabilities":{"accounts":{}}}"#),
                false => answer(400, request, &[], &errors(request)[number]),
            });
            let change = accounts().change_password("me", NEW_PASSWORD);
            self.seen.text("operation", format!("{change:?} {:?}", accounts().create("me", NEW_PASSWORD)));
            self.failed(client.send(change));
            self.failed(client.send(accounts().create("me", NEW_PASSWORD)));
        }
    }

    fn nonsense<D: Driver>(&self) {
        let bodies: [fn(&str) -> String; 6] = [
            |heard| json!(heard).to_string(),
            |heard| json!({"data": heard}).to_string(),
            |heard| json!({"data": {"id": "a", "last_modified": heard}}).to_string(),
            |heard| json!({"data": {"id": {(heard): 1}, "last_modified": 1}}).to_string(),
            |heard| format!("<html>{heard}"),
            |heard| json!({"settings": heard, "capabilities": heard}).to_string(),
        ];
        for body in bodies {
            let (_stub, client) = self.at::<D>(move |_, request| {
                let heard = echo(request);
                answer(200, request, &[("Content-Type", &format!("text/html; x={heard}"))], &body(&heard))
            });
            self.failed(client.send(bucket("b").collection("c").records().get("a")));
            self.failed(client.send(bucket("b").collection("c").records().list()));
            if let Err(error) = client.send(server_info()) {
                self.seen.error(error);
            }
            let reply = client.send(Call::new(Method::GET, kinto_protocol::endpoints::root())).unwrap();
            self.seen.text("reply", format!("{reply:?} {:?}", reply.call()));
        }
    }

    /// To another origin by a redirect and by the next page.
    fn elsewhere<D: Driver>(&self) {
        let other = self.other.url().to_owned();
        for (status, prefix) in [(301, ""), (307, "/"), (308, "?"), (302, "#")] {
            let other = other.clone();
            let (_stub, client) = self.at::<D>(move |_, request| {
                let location = format!("{other}{prefix}{}", echo_in_url(request));
                answer(status, request, &[("Location", &location)], "")
            });
            self.failed(client.send(bucket("b").collection("c").records().get("a")));
            self.failed(client.send(bucket("b").collections().create("c", &json!({}))));
        }
        let pages: [fn(&str, &str) -> String; 3] = [
            |other, request| format!("{other}/buckets?_token={}", echo_in_url(request)),
            |other, request| format!("{other}/{}?_token=1", echo_in_url(request)),
            |_, request| echo_in_url(request),
        ];
        for page in pages {
            let other = other.clone();
            let (_stub, client) = self.at::<D>(move |_, request| {
                answer(200, request, &[("Next-Page", &page(&other, request))], r#"{"data":[]}"#)
            });
            match client.send(bucket("b").collection("c").records().list()) {
                Err(error) => self.seen.error(error),
                Ok(_) => panic!("such a page does not exist"),
            }
        }
    }

    fn patience<D: Driver>(&self) {
        let (stub, _) = self.at::<D>(|_, request| answer(200, request, &[("Backoff", "60")], "{}"));
        let client = self.client::<D>(stub.url(), |policy| policy.on_backoff = OnBackoff::Fail);
        client.send(server_info()).unwrap();
        self.failed(client.send(server_info()));
        let (stub, _) = self.at::<D>(|_, request| answer(503, request, &[], &errors(request)[0]));
        self.failed(self.client::<D>(stub.url(), |policy| policy.deadline = Duration::ZERO).send(server_info()));
    }

    fn plugins<D: Driver>(&self) {
        let (_stub, client) = self.at::<D>(|_, request| {
            answer(200, request, &[], &json!({"capabilities": {(echo(request)): {}}}).to_string())
        });
        self.failed(client.send(accounts().get("me")));
        let (_stub, client) = self.at::<D>(|number, request| match number {
            0 => answer(200, request, &[], r#"{"capabilities":{"changes":{}}}"#),
            _ => {
                let heard = echo(request);
                let signature = json!({"signature": heard, "x5u": heard, "mode": heard});
                let body = json!({"metadata": {"signatures": [signature]}, "timestamp": 9, "changes": []});
                answer(200, request, &[], &body.to_string())
            }
        });
        let verifier = Verifier::with_root(&"ab".repeat(32)).unwrap();
        self.failed(
            client.send(bucket("b").collection("c").verified_changeset::<JsonMap>(&verifier, SystemTime::now())),
        );
    }

    fn batches<D: Driver>(&self) {
        let batch = || {
            let mut batch = Batch::new();
            for id in ["a", "b", "c"] {
                let call = Call::new(Method::PUT, kinto_protocol::endpoints::record("b", "c", id));
                let call = call.header("X-Of-This-Call", HEADER).unwrap().json(&json!({"data": {}})).unwrap();
                let _ = batch.push(call);
                let _ = batch.push(bucket("b").collection("c").records().get(id));
            }
            batch
        };
        let entry: [fn(&str) -> String; 4] = [
            |heard| {
                json!({"responses": vec![json!({"status": 403, "body": {"message": heard, "details": heard}}); 6]})
                    .to_string()
            },
            |heard| json!({"responses": vec![json!({"status": heard, "body": heard}); 6]}).to_string(),
            |heard| json!({"responses": vec![json!({"status": 200, "body": {"data": heard}}); 6]}).to_string(),
            |heard| json!({"responses": heard}).to_string(),
        ];
        for entry in entry {
            let (_stub, client) = self.at::<D>(move |_, request| match request.starts_with("POST") {
                true => answer(200, request, &[], &entry(&echo(request))),
                false => answer(400, request, &[], &errors(request)[0]),
            });
            self.outcome(client.send(batch()));
        }
        let (_stub, client) = self.at::<D>(|_, request| answer(503, request, &[], &errors(request)[0]));
        self.outcome(client.send(batch()));
    }

    fn outcome(&self, outcome: Result<kinto_protocol::Outcome>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return self.seen.error(error),
        };
        self.seen.text("outcome", format!("{outcome:?} {:?}", outcome.summary()));
        for item in outcome.items() {
            self.seen.text("item", format!("{item:?}"));
            if let Some(error) = item.error() {
                self.seen.words_of(error);
            }
        }
        if let Some(error) = outcome.stopped() {
            self.seen.words_of(error);
        }
    }

    /// Whose place the server names, with what it was told in it.
    fn files<D: Driver>(&self) {
        let places: [fn(&str, &str) -> String; 3] = [
            |other, _| format!("{other}/nowhere"),
            |other, heard| format!("{other}/{heard}"),
            |_, heard| heard.to_owned(),
        ];
        let asked = Arc::<Mutex<usize>>::default();
        for place in places {
            let (other, asked) = (self.other.url().to_owned(), Arc::clone(&asked));
            let (_stub, client) = self.at::<D>(move |_, request| {
                *asked.lock().unwrap() += 1;
                let heard = echo_in_url(request);
                if request.starts_with("GET /v1/ ") {
                    let plugin = json!({"capabilities": {"attachments": {"base_url": place(&other, &heard)}}});
                    return answer(200, request, &[], &plugin.to_string());
                }
                let file = json!({"filename": heard, "location": "x/y", "hash": heard, "mimetype": heard, "size": 5});
                let record = json!({"data": {"id": "a", "last_modified": 7, "attachment": file}});
                answer(200, request, &[], &record.to_string())
            });
            let file = bucket("b").collection("c").attachment("a");
            self.failed(client.send(file.download()));
            self.failed(client.download_to(file.download(), Full));
        }
        assert!(*asked.lock().unwrap() > 0);
    }
}

fn accounts_call(header: &str) -> Call {
    let call = Call::new(Method::PUT, kinto_protocol::endpoints::record("b", "c", "a"));
    call.header("X-Of-This-Call", header).unwrap()
}

/// Something that cannot be written to.
struct Full;

impl io::Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The kinds that a transport tells of, by one whose words hold everything.
pub(crate) fn by_transport(auth: &Auth, seen: &Seen) {
    use kinto_protocol::FailureKind as Failure;
    for kind in [
        Failure::Connect,
        Failure::Tls,
        Failure::Timeout,
        Failure::Interrupted,
        Failure::Protocol,
        Failure::TooLarge,
        Failure::Local,
        Failure::Other,
    ] {
        let mut policy = Policy::default();
        policy.attempts = 2;
        policy.first_wait = Duration::from_millis(1);
        let events = seen.events();
        let session = kinto_protocol::Session::builder("http://localhost/v1").auth(auth.clone()).policy(policy);
        let session = session.observer(move |event| events(&format!("{event:?}"))).build().unwrap();
        let send = move |request: kinto_protocol::Request| {
            let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
            seen_nowhere(&request);
            Err(kinto_protocol::TransportError::new(kind, format!("sent {authorization}, and it broke")))
        };
        let error = kinto_blocking::Client::with_transport(session, send).send(server_info()).unwrap_err();
        assert!(kind != Failure::Other || error.kind() == ErrorKind::Other);
        seen.error(error);
    }
}

fn seen_nowhere(request: &kinto_protocol::Request) {
    let text = format!("{request:?} {:#?}", request.headers());
    assert_eq!(crate::canary::found(&text), None, "in a request");
}

/// What a login says when it is refused, and that it shows nothing when it is not.
pub(crate) fn by_login(error: Error, seen: &Seen) {
    seen.error(error);
}
