//! One server for all tests of a process.

use std::env;
use std::sync::{Once, OnceLock};

use crate::{Backend, KintoServer, say};

impl KintoServer {
    /// The one server of this process with that backend, started on first use. Tests that share it
    /// keep apart by using accounts and buckets of their own.
    ///
    /// With [`Backend::Memory`] there always is one: the server named by the environment variable
    /// `KINTO_SERVER_URL`, if that is set, or else a fresh one. With [`Backend::Signer`] there always is a fresh one. With the
    /// backends that need PostgreSQL it is None when its programs are missing; the first call says so on stderr, as the tests
    /// that need it do not run then.
    ///
    /// # Panics
    ///
    /// When the server cannot be started although it should, in particular for want of Python. The
    /// message says what to do.
    pub fn shared(backend: Backend) -> Option<&'static Self> {
        // The failure is kept as well: every test would wait for the same one again.
        static MEMORY: OnceLock<Result<KintoServer, String>> = OnceLock::new();
        static SIGNER: OnceLock<Result<KintoServer, String>> = OnceLock::new();
        static POSTGRESQL: OnceLock<Option<Result<KintoServer, String>>> = OnceLock::new();
        static SIGNER_POSTGRESQL: OnceLock<Option<Result<KintoServer, String>>> = OnceLock::new();

        let server = match backend {
            Backend::Memory => MEMORY.get_or_init(|| match env::var("KINTO_SERVER_URL") {
                Ok(url) if !url.is_empty() => Ok(Self::wrap(&url)),
                _ => Self::start(backend).map_err(|error| error.to_string()),
            }),
            Backend::Signer => SIGNER.get_or_init(|| Self::start(backend).map_err(|error| error.to_string())),
            Backend::Postgresql => POSTGRESQL.get_or_init(|| start_if_available(backend)).as_ref()?,
            Backend::SignerPostgresql => SIGNER_POSTGRESQL.get_or_init(|| start_if_available(backend)).as_ref()?,
        };
        match server {
            Ok(server) => Some(server),
            Err(message) => panic!("{message}"),
        }
    }
}

/// Starts a server where PostgreSQL is installed, and says so, once, where it is not.
fn start_if_available(backend: Backend) -> Option<Result<KintoServer, String>> {
    static SAID: Once = Once::new();
    match backend.available() {
        Ok(()) => Some(KintoServer::start(backend).map_err(|error| error.to_string())),
        Err(why) => {
            SAID.call_once(|| say(&format!("LEFT OUT: the tests that need PostgreSQL do not run. {why}")));
            None
        }
    }
}
