//! All that is logged in this process, by whatever crate and however unimportant, and all that panics say.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn keep(target: &str, line: String) {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).push((target.to_owned(), line));
}

/// The lines so far, with who wrote them.
pub(crate) fn lines() -> Vec<(String, String)> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Listens, from the first call on.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Traces(AtomicU64::new(1))).unwrap();
        log::set_logger(&Logs).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            keep("panic", panic.to_string());
            // Those of this thread are provoked.
            if std::thread::current().name() != Some(PANICKING) {
                before(panic);
            }
        }));
    });
}

const PANICKING: &str = "panicking";

/// Panics as a caller's `unwrap` does, in a thread of its own.
pub(crate) fn unwrap_of(error: kinto_protocol::Error) {
    let panicking = std::thread::Builder::new().name(PANICKING.to_owned());
    let thread = panicking.spawn(move || unwrapped(Err(error)));
    assert!(thread.unwrap().join().is_err());
}

fn unwrapped(result: kinto_protocol::Result<()>) {
    result.unwrap();
}

struct Logs;

impl log::Log for Logs {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(record.target(), record.args().to_string());
    }

    fn flush(&self) {}
}

struct Traces(AtomicU64);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }
}

impl Subscriber for Traces {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(span.metadata().name().to_owned());
        span.record(&mut line);
        keep(span.metadata().target(), line.0);
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        keep("record", line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        keep(event.metadata().target(), line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
