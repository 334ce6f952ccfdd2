//! All that is shown to anybody.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::{Arc, Mutex};

use kinto_protocol::{Details, Error, ErrorKind};

use crate::canary::found;
use crate::logs;

/// What was shown so far, and of which kinds errors were.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    leaks: BTreeSet<String>,
    kinds: BTreeSet<String>,
    texts: usize,
    events: usize,
}

impl Seen {
    /// Looks through a text.
    pub(crate) fn text(&self, what: &str, text: String) {
        let mut shown = self.0.lock().unwrap();
        shown.texts += 1;
        shown.leaks.extend(found(&text).map(|leak| format!("{what}: {leak}")));
    }

    /// Where events are told.
    pub(crate) fn events(&self) -> impl Fn(&str) + Send + Sync + use<> {
        let seen = self.clone();
        move |event| {
            seen.text("event", event.to_owned());
            seen.0.lock().unwrap().events += 1;
        }
    }

    /// Takes an error apart.
    pub(crate) fn error(&self, error: Error) {
        self.words_of(&error);
        logs::unwrap_of(error);
    }

    /// All that can be had of an error.
    pub(crate) fn words_of(&self, error: &Error) {
        self.0.lock().unwrap().kinds.insert(format!("{:?}", error.kind()));
        self.text("error", format!("{error}\n{error:?}\n{error:#?}\n{:?}", error.request()));
        let mut cause = error.cause().map(|cause| cause as &dyn std::error::Error).or_else(|| error.source());
        while let Some(it) = cause {
            self.text("cause", format!("{it}\n{it:?}\n{it:#?}"));
            cause = it.source();
        }
        let Some(server) = error.server() else { return };
        assert_eq!(error.kind(), ErrorKind::Server);
        let said = [server.error(), server.message(), server.info(), Some(server.excerpt())];
        self.text("server error", format!("{server}\n{server:?}\n{server:#?}\n{said:?}"));
        if let Details::Other(text) = server.details() {
            self.text("details", text.clone());
        }
    }

    /// The kinds of errors that there were.
    pub(crate) fn kinds(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().kinds.clone()
    }

    /// How many texts and events were looked at, and what was found where it should not be.
    pub(crate) fn end(&self) -> (usize, usize, Vec<String>) {
        let shown = self.0.lock().unwrap();
        (shown.texts, shown.events, shown.leaks.iter().cloned().collect())
    }
}
