//! Servers that cannot be reached.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kinto_protocol::{Class, ErrorKind, Event};
use kinto_tests::{Answer, Stub};
use socket2::{Domain, Socket, Type};

use crate::answers::RECORD;
use crate::child::{self, Task};
use crate::classes;
use crate::driver::Driver;
use crate::place::{Place, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        C01 { nobody_listens, somebody_listens_in_the_end; wire }
        C02 { no_such_name, what_cannot_be_a_name; wire }
        C03 { nobody_takes_the_connection; wire }
        C19 {; wire the_first_address_refuses, the_first_address_is_silent }
        C20 {; wire no_file_descriptor_is_left }
    }
}

/// A port that is taken, and on which nobody listens before it is said.
fn closed() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, format!("http://127.0.0.1:{port}/v1"))
}

fn nobody_listens<D: Driver>() {
    let (_socket, url) = closed();
    for asked in classes::of_all::<D>() {
        let it = Place::<D>::at(&url);
        let error = (asked.send)(&it.client).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Connect, 3, false), "{}: {error}", asked.what);
        assert!(error.is_retryable() && error.to_string().contains("127.0.0.1"), "{error}");
        let waits = it.waits();
        assert_eq!(waits.len(), 2);
        for (wait, bound) in waits.into_iter().zip([1, 2].map(Duration::from_millis)) {
            assert!(!wait.is_zero() && wait <= bound, "{wait:?}");
        }
    }
}

/// It begins to listen after the second attempt: as nothing was sent, all are sent again.
fn somebody_listens_in_the_end<D: Driver>() {
    for class in [Class::Safe, Class::Once] {
        let (socket, url) = closed();
        let late: Arc<Mutex<(Option<Socket>, Option<Stub>)>> = Arc::new(Mutex::new((Some(socket), None)));
        let opening = Arc::clone(&late);
        let it = Place::<D>::with(&url, |setup| {
            setup.observer = Some(Box::new(move |event| {
                let Event::Retry { attempts: 2, .. } = event else { return };
                let mut late = opening.lock().unwrap();
                let socket = late.0.take().unwrap();
                socket.listen(16).unwrap();
                late.1 = Some(Stub::on(TcpListener::from(socket), |_, _| Answer::json(200, RECORD)));
            }));
        });
        match class {
            Class::Safe => assert_eq!(it.client.send(records().get("a")).unwrap().id, "a"),
            _ => drop(it.client.send(classes::post()).unwrap()),
        }
        let late = late.lock().unwrap();
        assert_eq!(late.1.as_ref().unwrap().requests().len(), 1, "{class:?}");
    }
}

fn no_such_name<D: Driver>() {
    let it = Place::<D>::with("http://does-not-exist.invalid/v1", |setup| setup.auth = None);
    for class in [Class::Safe, Class::Once] {
        let asked = classes::of::<D>(class).remove(0);
        let error = (asked.send)(&it.client).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Connect, 3, false), "{}: {error}", asked.what);
        assert!(error.to_string().contains("does-not-exist.invalid"), "{error}");
    }
}

/// Some are seen to be none at once, others by whoever is asked for them. None panics.
fn what_cannot_be_a_name<D: Driver>() {
    let label = "x".repeat(64);
    let long = format!("{}.invalid", ["x".repeat(60).as_str(); 5].join("."));
    for name in [label.as_str(), &format!("{label}.invalid"), &long, "a..invalid", ".invalid", "-", "..", "x.-.invalid"]
    {
        match D::build(crate::driver::Setup::of(format!("http://{name}/v1"))) {
            Err(error) => assert_eq!(facts(&error), (ErrorKind::Input, 0, false), "{name}: {error}"),
            Ok(client) => {
                let error = client.once().send(classes::post()).unwrap_err();
                assert_eq!(facts(&error), (ErrorKind::Connect, 1, false), "{name}: {error}");
            }
        }
    }
    for name in ["a b", "[::1", "::1", "a:b", "", "é é", "a%zz", "%00"] {
        let built = D::build(crate::driver::Setup::of(format!("http://{name}/v1")));
        let error = built.map(|_| ()).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Input, 0, false), "{name}: {error}");
    }
}

/// A port whose queue is full, so that whoever knocks gets no answer at all.
fn full(socket: Socket) -> (TcpListener, Vec<TcpStream>) {
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(waiting) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        queue.push(waiting);
        assert!(queue.len() < 1_000, "a queue without end");
    }
    (listener, queue)
}

const SHORT: Duration = Duration::from_millis(60);

fn nobody_takes_the_connection<D: Driver>() {
    let (socket, url) = closed();
    let (listener, queue) = full(socket);
    let it = Place::<D>::with_policy(&url, |policy| policy.limits.connect = SHORT);
    for class in [Class::Safe, Class::Repeatable, Class::Conditional, Class::Once] {
        let asked = classes::of::<D>(class).remove(0);
        let start = Instant::now();
        let error = (asked.send)(&it.client).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Timeout, 3, false), "{}: {error}", asked.what);
        assert!(start.elapsed() < Duration::from_secs(2), "{}: {:?}", asked.what, start.elapsed());
    }
    // Those who stood in the queue have gone, and the door is open.
    drop(queue);
    let stub = Stub::on(listener, |_, _| Answer::json(200, RECORD));
    let patient = it.client.with_policy(|policy| policy.limits.connect = Duration::from_secs(3));
    assert_eq!(patient.send(records().get("a")).unwrap().id, "a");
    assert_eq!(stub.requests().len(), 1);
}

/// A name of two addresses, of which only the second is served, in a process that knows such a name.
fn the_first_address<D: Driver, Dead>(dead: impl FnOnce(Socket) -> Dead) {
    let (socket, url) = closed();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    // Not every system has this one, or lets a process have names of its own.
    let Ok(listener) = TcpListener::bind(("127.0.0.2", port)) else { return };
    let stub = Stub::on(listener, |_, _| Answer::json(201, RECORD));
    let _dead = dead(socket);
    let outcome = child::run::<D>(Task::TwoAddresses, &url.replace("127.0.0.1", "two.test"));
    if outcome != "not allowed" {
        assert_eq!((outcome.as_str(), stub.requests().len()), ("wrote a after 1 attempt", 1));
    }
}

/// It is kept, so that nobody else gets that port.
fn the_first_address_refuses<D: Driver>() {
    the_first_address::<D, _>(|socket| socket);
}

fn the_first_address_is_silent<D: Driver>() {
    the_first_address::<D, _>(full);
}

/// All that a process may open is open: that is no reason to panic, and over when some of it is closed.
fn no_file_descriptor_is_left<D: Driver>() {
    let stub = Stub::start(|_, _| {
        let Answer::Keep(bytes) = Answer::json(200, RECORD) else { unreachable!("it keeps the connection") };
        Answer::Close(bytes)
    });
    let outcome = child::run::<D>(Task::NoFileDescriptors, stub.url());
    assert_eq!(outcome, "a, Connect after 3 maybe_applied=false, a");
    assert!(stub.requests().len() >= 2);
}
