//! Which server a scenario runs on.

use std::env;
use std::ops::Deref;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;

use kinto_tests::{Backend, KintoServer};

use crate::context;

/// After so many scenarios on a server that keeps all in memory, the next begin on a new one. At every request, that
/// backend looks through the permissions of all there is: what earlier scenarios left makes all later ones slower.
const SCENARIOS: usize = 40;

/// A server that is there as long as this is.
#[derive(Clone)]
pub(crate) enum Server {
    /// It stays for all.
    Staying(&'static KintoServer),
    /// It goes with the last scenario that began on it.
    Leaving(Arc<Leaving>),
}

pub(crate) struct Leaving(KintoServer);

impl Drop for Leaving {
    fn drop(&mut self) {
        // Its port is free soon, and the next server there knows nobody.
        context::forget_accounts(self.0.url());
    }
}

impl Deref for Server {
    type Target = KintoServer;

    fn deref(&self) -> &KintoServer {
        match self {
            Self::Staying(server) => server,
            Self::Leaving(server) => &server.0,
        }
    }
}

/// The server on which scenarios begin, and how many did.
struct Fresh(Result<Arc<Leaving>, String>, usize);

/// The server for the next scenario with that backend, or none where it cannot be had.
pub(crate) fn server(backend: Backend) -> Option<Server> {
    static MEMORY: Mutex<Option<Fresh>> = Mutex::new(None);
    static SIGNER: Mutex<Option<Fresh>> = Mutex::new(None);

    start_ahead();
    match backend {
        Backend::Memory if !is_given() => Some(Server::Leaving(fresh(backend, &MEMORY))),
        Backend::Signer => Some(Server::Leaving(fresh(backend, &SIGNER))),
        _ => KintoServer::shared(backend).map(Server::Staying),
    }
}

/// Whether the tests are to run on a server that is there already.
fn is_given() -> bool {
    env::var("KINTO_SERVER_URL").is_ok_and(|url| !url.is_empty())
}

fn fresh(backend: Backend, servers: &Mutex<Option<Fresh>>) -> Arc<Leaving> {
    let mut fresh = servers.lock().unwrap_or_else(PoisonError::into_inner);
    // The failure is kept: every scenario would wait for the same one again.
    if fresh.as_ref().is_none_or(|Fresh(server, begun)| server.is_ok() && *begun == SCENARIOS) {
        let server =
            KintoServer::start(backend).map(|server| Arc::new(Leaving(server))).map_err(|error| error.to_string());
        *fresh = Some(Fresh(server, 0));
    }
    let Some(Fresh(server, begun)) = &mut *fresh else { unreachable!("it was just put there") };
    *begun += 1;
    server.clone().unwrap_or_else(|message| panic!("{message}"))
}

/// When all scenarios run, those servers that take longest to start do so during the first.
fn start_ahead() {
    static AHEAD: Once = Once::new();
    if env::args().skip(1).all(|argument| argument.starts_with('-')) {
        AHEAD.call_once(|| {
            drop(thread::spawn(|| [Backend::Postgresql, Backend::SignerPostgresql].map(KintoServer::shared)));
        });
    }
}
