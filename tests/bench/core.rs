//! What is counted of the core: requests made, answers read, and whole exchanges without a transport.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use kinto_protocol::{Auth, Batch, Exchange, Flow, Moment, Object, Resource, Session, Step, bucket};

use crate::answers;
use crate::article::{Article, Flats, id};
use crate::by_hand::{self, Prepared};

/// One thing that is done again and again. It says whether it went well.
pub type Workload = Box<dyn FnMut() -> bool>;

/// Its name, and what prepares it.
pub type Named = (&'static str, fn() -> Workload);

const ROOT: &str = "https://kinto.example/v1";
/// How many writes a batch holds.
const BATCH: usize = 100;
const AT: Moment = Moment::at(Duration::from_secs(1));

/// All of them by their names, in the order in which they are shown. What ends in `-request` ends where a transport would
/// begin; the same without has an answer read as well.
pub const WORKLOADS: [Named; 14] = [
    ("get-request", get_request),
    ("get-request-by-hand", get_request_by_hand),
    ("get", get),
    ("get-by-hand", get_by_hand),
    ("put-request", put_request),
    ("put-request-by-hand", put_request_by_hand),
    ("put", put),
    ("put-by-hand", put_by_hand),
    ("batch-request", batch_request),
    ("batch-request-by-hand", batch_request_by_hand),
    ("batch", batch),
    ("batch-by-hand", batch_by_hand),
    ("page", page),
    ("page-by-hand", page_by_hand),
];

/// As one that has asked the server already how much a batch may hold.
fn session() -> Session {
    let session = Session::builder(ROOT).auth(Auth::basic("bench", "a long password")).build().expect("a session");
    let mut first: Exchange<Batch> = session.exchange(["a", "b"].map(|id| articles().get(id)).into_iter().collect());
    let _asked = first.next(AT);
    first.handle(Ok(answers::hello(BATCH).response()), AT);
    session
}

fn prepared() -> Prepared {
    Prepared::new(ROOT, "Basic YmVuY2g6YSBsb25nIHBhc3N3b3Jk").expect("headers")
}

fn articles() -> Resource<Article> {
    bucket("bench").collection("articles").records().typed()
}

/// A request and its answer, which is as the transport would give it: one's own.
fn exchange<F: Flow>(session: &Session, flow: F, answer: &Response<Bytes>) -> Option<F::Output> {
    let mut exchange = session.exchange(flow);
    let Step::Send(request, limits) = exchange.next(AT) else { return None };
    black_box((request, limits));
    exchange.handle(Ok(answer.clone()), AT);
    match exchange.next(AT) {
        Step::Done(result) => result.ok(),
        _ => None,
    }
}

/// The same up to the request.
fn begun<F: Flow>(session: &Session, flow: F) -> bool {
    let mut exchange = session.exchange(flow);
    let step = black_box(exchange.next(AT));
    matches!(step, Step::Send(..))
}

fn get_request() -> Workload {
    let (session, articles, id) = (session(), articles(), id(7));
    Box::new(move || begun(&session, articles.get(black_box(&*id))))
}

fn get_request_by_hand() -> Workload {
    let (prepared, id) = (prepared(), id(7));
    Box::new(move || black_box(prepared.get(black_box(&id))).is_some())
}

fn get() -> Workload {
    let (session, articles, id, answer) = (session(), articles(), id(7), answers::object(7).response());
    Box::new(move || black_box(exchange(&session, articles.get(black_box(&*id)), &answer)).is_some())
}

fn get_by_hand() -> Workload {
    let (prepared, id, answer) = (prepared(), id(7), answers::object(7).response());
    Box::new(move || {
        let request = black_box(prepared.get(black_box(&id)));
        request.is_some() && black_box(by_hand::object(&answer.clone())).is_some()
    })
}

fn put_request() -> Workload {
    let (session, articles, id, article) = (session(), articles(), id(7), Article::new(7));
    Box::new(move || begun(&session, articles.create(black_box(&*id), &article)))
}

fn put_request_by_hand() -> Workload {
    let (prepared, id, article) = (prepared(), id(7), Article::new(7));
    Box::new(move || black_box(prepared.put(black_box(&id), &article)).is_some())
}

fn put() -> Workload {
    let (session, articles, id, article) = (session(), articles(), id(7), Article::new(7));
    let answer = answers::object(7).response();
    Box::new(move || black_box(exchange(&session, articles.create(black_box(&*id), &article), &answer)).is_some())
}

fn put_by_hand() -> Workload {
    let (prepared, id, article, answer) = (prepared(), id(7), Article::new(7), answers::object(7).response());
    Box::new(move || {
        let request = black_box(prepared.put(black_box(&id), &article));
        request.is_some() && black_box(by_hand::object(&answer.clone())).is_some()
    })
}

/// What is to be written.
fn writes() -> Vec<(String, Article)> {
    (0..BATCH).map(|n| (id(n), Article::new(n))).collect()
}

fn batch_request() -> Workload {
    let (session, articles, writes) = (session(), articles(), writes());
    Box::new(move || {
        let batch: Batch = writes.iter().map(|(id, article)| articles.replace(&**id, article)).collect();
        begun(&session, batch)
    })
}

fn batch_request_by_hand() -> Workload {
    let (prepared, writes) = (prepared(), writes());
    Box::new(move || black_box(prepared.batch(black_box(&writes))).is_some())
}

fn batch() -> Workload {
    let (session, articles, writes) = (session(), articles(), writes());
    let answer = answers::batch(by_hand::PREFIX, 0..BATCH).response();
    Box::new(move || {
        let mut batch = Batch::new();
        let mut tickets = Vec::with_capacity(writes.len());
        tickets.extend(writes.iter().map(|(id, article)| batch.push(articles.replace(&**id, article))));
        let Some(mut outcome) = exchange(&session, batch, &answer) else { return false };
        let written: Vec<_> = tickets.into_iter().filter_map(|ticket| outcome.take(ticket).ok()).collect();
        black_box(written).len() == BATCH
    })
}

fn batch_by_hand() -> Workload {
    let (prepared, writes) = (prepared(), writes());
    let answer = answers::batch(by_hand::PREFIX, 0..BATCH).response();
    Box::new(move || {
        let request = black_box(prepared.batch(black_box(&writes)));
        let written = black_box(by_hand::batch_answer(&answer.clone()));
        request.is_some() && written.is_some_and(|written| written.len() == BATCH)
    })
}

fn page() -> Workload {
    let (session, articles) = (session(), articles());
    let answer = answers::page("https://kinto.example/v1/list", 0, answers::PAGE).response();
    Box::new(move || {
        let listed = exchange(&session, articles.list(), &answer);
        let items: Vec<Object<Article>> = listed.map(|listing| listing.items).unwrap_or_default();
        black_box(items).len() == answers::PAGE
    })
}

fn page_by_hand() -> Workload {
    let prepared = prepared();
    let answer = answers::page("https://kinto.example/v1/list", 0, answers::PAGE).response();
    Box::new(move || {
        let request = black_box(prepared.list());
        let page = black_box(by_hand::page(&answer.clone()));
        request.is_some() && page.is_some_and(|Flats { data }| data.len() == answers::PAGE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_go_well() {
        for (name, workload) in WORKLOADS {
            assert!(workload()(), "{name}");
        }
    }
}
