//! What a scenario is.

use std::fmt::Debug;
use std::time::Duration;

use kinto_protocol::{Resource, Result, bucket};

use crate::answers::Scripted;
use crate::bare::Bare;
use crate::driver::{Driver, Setup};
use crate::plain;

/// What is sent, and what the server answers to it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The operations, flows and verbs of the core that take part.
    pub(crate) covers: &'static [&'static str],
    /// One answer for each request: as many as there are must be asked for. `None` where nobody listens.
    pub(crate) script: Option<Vec<Scripted>>,
    /// What must be found in the story of each driver.
    pub(crate) shows: Vec<&'static str>,
    pub(crate) setup: fn(&mut Setup),
    /// How long it may take, where that matters.
    pub(crate) within: Option<Duration>,
    /// Who does otherwise, and why that cannot be helped.
    pub(crate) apart: Option<(&'static str, &'static str)>,
    pub(crate) plays: Plays,
}

/// The same source for each of the three.
#[derive(Clone, Copy)]
pub(crate) struct Plays {
    pub(crate) blocking: fn(&kinto_blocking::Client, &mut Told),
    pub(crate) asynchronous: fn(&kinto_async::Client, &mut Told),
    pub(crate) bare: fn(&Bare, &mut Told),
}

impl Scenario {
    pub(crate) fn new(
        name: &'static str,
        covers: &'static [&'static str],
        script: impl Into<Vec<Scripted>>,
        plays: Plays,
    ) -> Self {
        let script = Some(script.into());
        Self { name, covers, script, shows: Vec::new(), setup: |_| {}, within: None, apart: None, plays }
    }

    /// With this in its story: a line of a request, of an event or of a result.
    pub(crate) fn shows(mut self, what: &'static str) -> Self {
        self.shows.push(what);
        self
    }

    /// With a client that is made like this.
    pub(crate) fn setup(mut self, setup: fn(&mut Setup)) -> Self {
        self.setup = setup;
        self
    }

    /// Over by then.
    pub(crate) fn within(mut self, millis: u64) -> Self {
        self.within = Some(Duration::from_millis(millis));
        self
    }

    /// Not the same with this driver, for a reason that lies in its HTTP library and does no harm. As soon as it is the
    /// same, this is to go.
    pub(crate) fn but(mut self, driver: &'static str, why: &'static str) -> Self {
        assert!(!why.is_empty(), "a difference has a reason");
        self.apart = Some((driver, why));
        self
    }

    /// With nobody who could be asked.
    pub(crate) fn at_nobodys(mut self) -> Self {
        self.script = None;
        self
    }
}

/// A scenario from a name, what it covers, the answers, and what is done with a client. The last is written once and
/// compiled for each of the three: a closure could not be generic.
macro_rules! scenario {
    ($name:literal, [$($covers:ident),* $(,)?], $script:expr, |$client:ident, $told:ident| $body:expr) => {{
        fn play<D: $crate::driver::Driver>($client: &D, $told: &mut $crate::scenario::Told) {
            $body;
        }
        let plays = $crate::scenario::Plays {
            blocking: play::<kinto_blocking::Client>,
            asynchronous: play::<kinto_async::Client>,
            bare: play::<$crate::bare::Bare>,
        };
        $crate::scenario::Scenario::new($name, &[$(stringify!($covers)),*], $script, plays)
    }};
}
pub(crate) use scenario;

/// What a scenario gave, in words that can be compared.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Vec<String>);

impl Told {
    /// What an operation gave.
    pub(crate) fn of<T: Debug>(&mut self, result: Result<T>) {
        self.0.push(match result {
            Ok(output) => format!("Ok {}", plain::output(&output)),
            Err(error) => plain::error(&error),
        });
    }

    /// Something else that is to be the same.
    pub(crate) fn that(&mut self, what: impl Debug) {
        self.0.push(format!("{what:?}"));
    }

    /// What each of several gave, and that no more come.
    pub(crate) fn all<T: Debug>(&mut self, results: impl Iterator<Item = Result<T>>) {
        for result in results {
            self.of(result);
        }
        self.0.push("no more".into());
    }
}

/// The records that most scenarios are about.
pub(crate) fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// The name of a driver, and its client.
pub(crate) trait Named: Driver {
    const NAME: &'static str;
    fn play(plays: &Plays) -> fn(&Self, &mut Told);
}

impl Named for kinto_blocking::Client {
    const NAME: &'static str = "blocking";
    fn play(plays: &Plays) -> fn(&Self, &mut Told) {
        plays.blocking
    }
}

impl Named for kinto_async::Client {
    const NAME: &'static str = "async";
    fn play(plays: &Plays) -> fn(&Self, &mut Told) {
        plays.asynchronous
    }
}

impl Named for Bare {
    const NAME: &'static str = "bare";
    fn play(plays: &Plays) -> fn(&Self, &mut Told) {
        plays.bare
    }
}
