//! What a script expects to be asked.

use std::fmt;
use std::panic::Location;

use http::Method;

use crate::flow::{Flow, Turn};
use crate::path::Path;
use crate::session::Session;
use crate::testing::asked::{Asked, Content};
use crate::testing::difference::{differences, generalised};

/// What a [`Script`](crate::testing::Script) can expect:
///
/// - anything that can be sent: an operation, a [`Call`](crate::Call), or a longer conversation, of which it is the first
///   request. The ids that are made for new objects are any;
/// - a method and a path: `(Method::GET, "/buckets/blog")` or one of the [`endpoints`](crate::endpoints), with parameters or
///   without, whatever else is in the request;
/// - a name and a predicate: `("any write", |asked: &Asked| asked.method != Method::GET)`.
///
/// ```
/// use kinto_protocol::testing::{Answer, Asked, Script};
/// use kinto_protocol::{Method, bucket, endpoints};
///
/// let posts = bucket("blog").collection("posts").records();
/// let script = Script::new();
/// script.expect(posts.get("a"), Answer::error(404, 110));
/// script.expect((Method::GET, endpoints::record("blog", "posts", "b")), Answer::error(404, 110));
/// script.allow(("what is read", |asked: &Asked| asked.method == Method::GET), Answer::error(403, 121));
/// for (id, is_missing) in [("a", true), ("b", true), ("c", false)] {
///     assert_eq!(script.send(posts.get(id)).unwrap_err().is_not_found(), is_missing);
/// }
/// script.finish();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be expected",
    note = "what can be sent can be expected, and so can `(Method, \"/path\")` and `(\"a name\", |asked: &Asked| …)`"
)]
pub trait Expect {
    /// What is expected, where this is the session.
    fn expected(self, session: &Session) -> Expected;
}

/// What is expected: what an [`Expect`] makes.
pub struct Expected {
    what: What,
    /// Where the test says so.
    place: Option<&'static Location<'static>>,
}

enum What {
    Request(Box<Asked>),
    /// A body that only the driver knows.
    WithFile(Box<Asked>),
    Line(Box<Asked>),
    Matching(&'static str, Box<dyn Fn(&Asked) -> bool + Send + Sync>),
}

impl<F: Flow> Expect for F {
    #[track_caller]
    fn expected(mut self, session: &Session) -> Expected {
        // What is drawn by lot differs between two sessions with different dice, and nothing else does.
        let first = first(&mut self, &dice(session, 2));
        let what = match first {
            (asked, true) => What::WithFile(asked.into()),
            (asked, false) => {
                let (other, _) = self::first(&mut self, &dice(session, 3));
                What::Request(generalised(asked, &other).into())
            }
        };
        what.into()
    }
}

/// The first request of a flow, and whether it sends a file.
#[track_caller]
fn first<F: Flow>(flow: &mut F, session: &Session) -> (Asked, bool) {
    match flow.start(session) {
        Ok(Turn::Ask(ask)) => match Asked::by(&ask.call, ask.session.as_ref().unwrap_or(session)) {
            Ok(asked) => (asked, ask.call.transfer().is_some_and(crate::Transfer::needs_pieces)),
            Err(error) => panic!("this cannot be expected, as it cannot be sent: {error}"),
        },
        Ok(_) => panic!("this cannot be expected, as it is no request by itself: expect its requests one by one"),
        Err(error) => panic!("this cannot be expected, as it cannot be sent: {error}"),
    }
}

fn dice(session: &Session, seed: u128) -> Session {
    Session::builder(session.url()).seed(seed).build().unwrap_or_else(|_| session.clone())
}

impl Expect for (Method, &str) {
    #[track_caller]
    fn expected(self, _: &Session) -> Expected {
        let (method, text) = self;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        assert!(path.starts_with('/'), "{text:?} is no path below the root of the API: it begins with a slash");
        let asked = Asked {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            if_match: None,
            if_none_match: None,
            content_type: None,
            body: Content::Nothing,
        };
        What::Line(asked.into()).into()
    }
}

impl Expect for (Method, Path) {
    #[track_caller]
    fn expected(self, session: &Session) -> Expected {
        (self.0, self.1.as_str()).expected(session)
    }
}

impl<P: Fn(&Asked) -> bool + Send + Sync + 'static> Expect for (&'static str, P) {
    fn expected(self, _: &Session) -> Expected {
        What::Matching(self.0, Box::new(self.1)).into()
    }
}

impl From<What> for Expected {
    fn from(what: What) -> Self {
        Self { what, place: None }
    }
}

impl Expected {
    /// Of a request that came once.
    pub(super) fn recorded(asked: Asked) -> Self {
        What::Request(asked.into()).into()
    }

    pub(super) fn at(mut self, place: &'static Location<'static>) -> Self {
        self.place = Some(place);
        self
    }

    /// Whether it is a batch as such, and not what is in one.
    pub(super) fn is_batch(&self) -> bool {
        match &self.what {
            What::Request(asked) | What::WithFile(asked) | What::Line(asked) => asked.path == "/batch",
            What::Matching(..) => false,
        }
    }

    /// How it differs from what came. Not at all, if this was expected.
    pub(super) fn differences(&self, came: &Asked) -> Vec<String> {
        match &self.what {
            What::Request(asked) => differences(asked, came),
            What::WithFile(asked) => differences(asked, &Asked { body: asked.body.clone(), ..came.clone() }),
            What::Line(asked) => {
                let query = if asked.query.is_empty() { &asked.query } else { &came.query };
                let line = Asked { path: came.path.clone(), query: query.clone(), ..Asked::clone(asked) };
                differences(asked, &Asked { method: came.method.clone(), ..line })
            }
            // It is the library that asks for this, and whoever writes a predicate thinks of the program.
            What::Matching(name, predicate) if came.line() == "GET /" || !predicate(came) => {
                vec![format!("it is not {name}")]
            }
            What::Matching(..) => Vec::new(),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Request(asked) => asked.fmt(f)?,
            What::WithFile(asked) | What::Line(asked) => f.write_str(&asked.line())?,
            What::Matching(name, _) => f.write_str(name)?,
        }
        match self.place {
            Some(place) => write!(f, "\n(at {place})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected({self})")
    }
}
