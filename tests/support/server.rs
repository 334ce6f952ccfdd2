//! Starting a server and knowing when it is ready.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::backend::postgresql_programs;
use crate::supervisor::{Folder, Order, Report, Reports, Supervisor, Task};
use crate::{Backend, StartError, environment, ini, probe};

/// How long a server may take to get ready. It takes seconds; a busy machine needs more.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is asked.
const INTERVAL: Duration = Duration::from_millis(30);

/// How often another port is tried when somebody else got it first.
const ATTEMPTS: usize = 5;

/// A Kinto server, alone on its port and with a folder (and a database) of its own. Stopped when
/// dropped.
///
/// Anybody may create an account; any account may create buckets; `account:admin` may write other
/// people's accounts. The plugins for flushing, accounts, the default bucket, history, the admin
/// interface and attachments are on; with [`Backend::Signer`], those for signatures and changes
/// instead of attachments.
#[derive(Debug)]
pub struct KintoServer {
    url: String,
    /// None when the server is not ours.
    own: Option<Own>,
}

/// What it takes to run a server of our own.
#[derive(Debug)]
struct Own {
    port: u16,
    identity: String,
    supervisor: Supervisor,
    /// Locked from an order to its report.
    reports: Mutex<Reports>,
}

impl KintoServer {
    /// Starts a fresh server on a free port. It is ready to answer when this returns.
    ///
    /// # Errors
    ///
    /// Python or PostgreSQL is missing, Kinto could not be installed, or the server did not start.
    pub fn start(backend: Backend) -> Result<Self, StartError> {
        Self::builder(backend).start()
    }

    /// Prepares a server with settings of its own.
    pub fn builder(backend: Backend) -> Builder {
        Builder { backend, openid: Vec::new(), settings: Vec::new(), listener: Vec::new() }
    }

    /// The root of its API, `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file that the server logs to, in its folder. None for a server named by
    /// `KINTO_SERVER_URL`.
    pub fn log(&self) -> Option<PathBuf> {
        self.own.as_ref().map(|own| own.supervisor.folder().log())
    }

    /// The public key, in PEM, of the one that it signs with. None for a server that does not sign.
    pub fn public_key(&self) -> Option<String> {
        fs::read_to_string(self.own.as_ref()?.supervisor.folder().path().join("ec.pem.pub")).ok()
    }

    /// Kills the server with SIGKILL in the middle of whatever it does. When this returns, it is dead: its connections
    /// are cut and new ones are refused, until [`restart`](Self::restart).
    ///
    /// Its folder stays, and so does PostgreSQL, with all that was answered; what was under way is there as a whole or
    /// not at all. [`Backend::Memory`] forgets everything. Not for a server that other tests share.
    ///
    /// # Errors
    ///
    /// The server had ended by itself, or is not ours.
    pub fn kill(&self) -> Result<(), StartError> {
        let own = self.own()?;
        let reports = own.order(Order::Kill)?;
        own.check(wait_until_killed(&reports))
    }

    /// Starts the server again: on the same port, with the same settings, folder and database. It is ready to answer
    /// when this returns. One that was not [killed](Self::kill) before is killed now.
    ///
    /// # Errors
    ///
    /// The server did not start or had ended by itself, or is not ours.
    pub fn restart(&self) -> Result<(), StartError> {
        let own = self.own()?;
        let reports = own.order(Order::Start)?;
        own.check(wait_until_ready(&reports, own.port, &own.identity))
    }

    /// Stops the server and removes its folder, as dropping it does.
    pub fn stop(self) {
        drop(self);
    }

    /// A server that runs already.
    pub(crate) fn wrap(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), own: None }
    }

    fn own(&self) -> Result<&Own, StartError> {
        let complaint = || StartError::Unavailable("a server named by KINTO_SERVER_URL is not ours to kill".into());
        self.own.as_ref().ok_or_else(complaint)
    }
}

impl Own {
    /// Gives an order, whose reports are for the caller alone.
    fn order(&self, order: Order) -> Result<MutexGuard<'_, Reports>, StartError> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        self.supervisor.order(order)?;
        Ok(reports)
    }

    /// Says why the server is not as it should be.
    fn check(&self, outcome: Result<(), String>) -> Result<(), StartError> {
        // Read now: the folder goes with the supervisor.
        outcome.map_err(|message| StartError::Server { message, log: self.supervisor.folder().log_tail() })
    }
}

/// A server yet to be started.
#[derive(Debug, Clone)]
#[must_use = "nothing is started before `start`"]
pub struct Builder {
    backend: Backend,
    openid: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    /// The settings of what listens.
    listener: Vec<(String, String)>,
}

impl Builder {
    /// Lets the users of an identity provider sign in: its name on the server, and its URL, where it has to answer when
    /// the server starts. They are known by their address. To the provider, the server is
    /// [`OPENID_CLIENT`](crate::OPENID_CLIENT).
    pub fn openid(mut self, name: impl Into<String>, issuer: impl Into<String>) -> Self {
        self.openid.push((name.into(), issuer.into()));
        self
    }

    /// Sets any setting in the section `[app:main]` of Kinto's ini file, such as
    /// `kinto.paginate_by`; the last one counts.
    ///
    /// The value may have several lines. As in any such file `%` is written `%%`, and `%(here)s` is
    /// the server's folder. `kinto.version_json_path` is taken: it is how the server is recognised.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Sets any setting in the section `[server:main]` of the ini file, of waitress, which listens for Kinto: such as
    /// `max_request_body_size`, 1 GiB otherwise. Each may be given once, and host and port are taken.
    pub fn listener_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.listener.push((name.into(), value.into()));
        self
    }

    /// Starts the server on a free port. It is ready to answer when this returns.
    ///
    /// # Errors
    ///
    /// Python or PostgreSQL is missing, Kinto could not be installed, or the server did not start,
    /// which includes a setting that Kinto does not accept.
    pub fn start(self) -> Result<KintoServer, StartError> {
        self.backend.available().map_err(StartError::Unavailable)?;
        let mut attempts = ATTEMPTS;
        loop {
            let port = probe::free_port().map_err(StartError::io("looking for a free port"))?;
            attempts -= 1;
            match self.start_on(port) {
                Err(StartError::Server { log, .. }) if attempts > 0 && says_port_taken(&log) => {}
                result => return result,
            }
        }
    }

    /// Starts the server on this port.
    fn start_on(&self, port: u16) -> Result<KintoServer, StartError> {
        let python = environment::python(self.backend)?;
        let postgresql = if self.backend.is_postgresql() {
            let programs = postgresql_programs().map_err(StartError::Unavailable)?;
            Some((programs, probe::free_port().map_err(StartError::io("looking for a free port"))?))
        } else {
            None
        };
        let database_port = postgresql.as_ref().map_or(0, |(_, port)| *port);

        let folder = Folder::new()?;
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let identity = format!("{}-{port}-{moment}", process::id());
        let ini = ini::render(self.backend, port, database_port, &self.openid, &self.settings, &self.listener);
        folder.write("kinto.ini", &ini)?;
        folder.write("version.json", &version_file(&identity))?;
        let (supervisor, reports) =
            Supervisor::start(python, folder, &Task { port, postgresql, signs: self.backend.is_signer() })?;
        let ready = wait_until_ready(&reports, port, &identity);
        let own = Own { port, identity, supervisor, reports: Mutex::new(reports) };
        own.check(ready)?;
        Ok(KintoServer { url: format!("http://127.0.0.1:{port}/v1"), own: Some(own) })
    }
}

/// Waits until the server on `port` answers as `identity`, or something says that it never will.
fn wait_until_ready(reports: &Reports, port: u16, identity: &str) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let mut started = false;
    while Instant::now() < deadline {
        match reports.next(INTERVAL) {
            Report::Started => started = true,
            Report::Failed(message) => return Err(message),
            Report::Nothing if started && probe::is_ready(port, identity) => return Ok(()),
            Report::Nothing | Report::Killed => {}
        }
    }
    Err(format!("it did not get ready within {} seconds", PATIENCE.as_secs()))
}

/// Waits until the server is dead, which nothing can delay for long.
fn wait_until_killed(reports: &Reports) -> Result<(), String> {
    match reports.next(PATIENCE) {
        Report::Killed => Ok(()),
        Report::Failed(message) => Err(message),
        Report::Nothing | Report::Started => Err("it could not be killed".into()),
    }
}

/// What `GET /v1/__version__` answers.
fn version_file(identity: &str) -> String {
    format!(r#"{{"name": "kinto", "source": "kinto-tests", "version": "test", "commit": "{identity}"}}"#)
}

/// Whether Kinto or PostgreSQL gave up because somebody else had the port. It is free when chosen,
/// but not reserved.
fn says_port_taken(log: &str) -> bool {
    // Windows says it in the words of the user's language, but always with this number.
    log.contains("Address already in use") || log.contains("WinError 10048")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{KintoServer, says_port_taken};
    use crate::{Backend, StartError};

    #[test]
    fn a_taken_port_is_recognised() -> Result<(), StartError> {
        let other = TcpListener::bind("127.0.0.1:0").map_err(StartError::io("listening"))?;
        let port = other.local_addr().map_err(StartError::io("listening"))?.port();
        match KintoServer::builder(Backend::Memory).start_on(port) {
            Err(StartError::Server { message, log }) => {
                assert!(says_port_taken(&log), "{message}: {log}")
            }
            result => panic!("started on the port of another: {result:?}"),
        }
        Ok(())
    }
}
