//! A client, and all that is seen of what it does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kinto_protocol::{Auth, Error, ErrorKind, Event, Policy, Resource, bucket};

use crate::driver::{Driver, Setup};

/// Who the clients are. The words are found nowhere else.
pub(crate) const USER: &str = "cassandra";
pub(crate) const PASSWORD: &str = "tr0ja-n0t-found";

/// A client of somebody with a password, and what its observer was told.
pub(crate) struct Place<D> {
    pub(crate) client: D,
    told: Arc<Mutex<Vec<Told>>>,
}

/// What an observer was told, without what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Answered(u16),
    /// After how long it is tried again.
    Retry(Duration),
    Backoff(Duration),
    Alert(String),
}

impl<D: Driver> Place<D> {
    /// Of three attempts, whose own waits are short. What stalls although it should not ends soon.
    pub(crate) fn at(url: &str) -> Self {
        Self::with(url, |_| {})
    }

    /// The same with another policy.
    pub(crate) fn with_policy(url: &str, change: impl FnOnce(&mut Policy)) -> Self {
        Self::with(url, |setup| change(&mut setup.policy))
    }

    pub(crate) fn with(url: &str, change: impl FnOnce(&mut Setup)) -> Self {
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let heard = Arc::clone(&told);
        let mut setup = Setup::of(url);
        setup.auth = Some(Auth::basic(USER, PASSWORD));
        setup.policy.attempts = 3;
        setup.policy.first_wait = Duration::from_millis(1);
        setup.policy.limits.connect = Duration::from_secs(3);
        setup.policy.limits.head = Duration::from_secs(3);
        setup.policy.limits.total = Duration::from_secs(5);
        setup.observer = Some(Box::new(move |event| {
            let told = match event {
                Event::Answered { status, .. } => Told::Answered(status.as_u16()),
                Event::Retry { wait, .. } => Told::Retry(*wait),
                Event::Backoff { wait, .. } => Told::Backoff(*wait),
                Event::Alert { message, .. } => Told::Alert((*message).to_owned()),
                _ => return,
            };
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(told);
        }));
        change(&mut setup);
        Self { client: D::build(setup).unwrap(), told }
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The waits before something was sent again.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.told()
            .into_iter()
            .filter_map(|told| if let Told::Retry(wait) = told { Some(wait) } else { None })
            .collect()
    }
}

pub(crate) fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// What an error says of its kind, how often the request was sent, and whether it may have been carried out.
pub(crate) fn facts(error: &Error) -> (ErrorKind, u32, bool) {
    (error.kind(), error.attempts(), error.maybe_applied())
}
