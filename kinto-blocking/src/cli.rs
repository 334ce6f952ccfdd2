//! Arguments for command-line programs of one's own: feature `cli`.
//!
//! They are flattened into any parser of [clap](https://docs.rs/clap), with the names and meanings that scripts around
//! Kinto have always had, and make a client.
//!
//! ```no_run
//! # // Its options are those of a command line.
//! use clap::Parser;
//! use kinto_blocking::cli::KintoArgs;
//!
//! /// Download records
//! #[derive(Parser)]
//! struct Args {
//!     #[command(flatten)]
//!     kinto: KintoArgs,
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let args = Args::parse().kinto;
//!     let client = args.client()?;
//!     let records = client.send(args.records()?.list())?;
//!     println!("{} records.", records.items.len());
//!     Ok(())
//! }
//! ```
//!
//! What is not given as an argument is looked for in the profile that an argument names, then in environment variables
//! (`KINTO_SERVER`, `KINTO_AUTH`, `KINTO_AUTH_FILE`, `KINTO_BUCKET`, `KINTO_COLLECTION`), then in the profile that
//! `KINTO_PROFILE` names, or else in that called `default`. Credentials that stand beside the URL of a server are sent to that
//! one and no other. Profiles stand in a file,
//! `kinto/profiles.toml` in the folder where programs have their configuration (`$XDG_CONFIG_HOME`, or `~/.config`;
//! `%APPDATA%` on Windows), or wherever `KINTO_PROFILES` says:
//!
//! ```toml
//! [default]
//! server = "http://localhost:8888/v1"
//! auth = "alexis:p4ssw0rd"
//!
//! [stage]
//! server = "https://stage.example/v1"
//! auth_file = "/run/secrets/kinto" # or only a name in `auth`: the password is asked for
//! bucket = "main-workspace"
//! ```

mod credentials;
mod logged;
mod profile;

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kinto_protocol::{Auth, Bucket, Collection, Error, Event, Resource, bucket};

use crate::cli::credentials::Secret;
use crate::cli::logged::Logged;
use crate::cli::profile::Profile;
use crate::client::Client;

/// In a help, they are by themselves, behind those of the program: they would stand between these otherwise.
const SERVER: &str = "Server";
/// So does how much is told.
const OUTPUT: &str = "Output";

/// Which server, who one is to it, and how patient to be.
#[derive(clap::Args, Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerArgs {
    /// The URL of the API, which normally ends in /v1 (KINTO_SERVER)
    #[arg(short, long, global = true, value_name = "URL", help_heading = SERVER)]
    pub server: Option<String>,

    /// USER:PASSWORD, or a token such as "Bearer abc"; of a USER alone, the password is asked for (KINTO_AUTH)
    #[arg(short, long, global = true, value_name = "AUTH", help_heading = SERVER)]
    auth: Option<Secret>,

    /// A file whose first line is what --auth would be, which other users of this machine can see (KINTO_AUTH_FILE)
    #[arg(long, global = true, value_name = "FILE", help_heading = SERVER)]
    pub auth_file: Option<PathBuf>,

    /// The profile that says what is not said here (KINTO_PROFILE)
    #[arg(short, long, global = true, value_name = "NAME", help_heading = SERVER)]
    pub profile: Option<String>,

    /// How often a request is sent again that failed: 2
    #[arg(long, global = true, hide_short_help = true, value_name = "TIMES", help_heading = SERVER)]
    pub retry: Option<u32>,

    /// The longest wait before that, where the server asks for no longer one
    #[arg(long, global = true, hide_short_help = true, value_name = "SECONDS", help_heading = SERVER)]
    pub retry_after: Option<u64>,

    /// Goes on, and succeeds, when the server refuses some operations of a batch
    #[arg(long = "ignore-batch-4xx", global = true, hide_short_help = true, help_heading = SERVER)]
    pub ignore_batch_4xx: bool,

    /// Sends credentials over plain HTTP to another machine too: everybody on the way can read them
    #[arg(long, global = true, hide_short_help = true, help_heading = SERVER)]
    pub allow_insecure_http: bool,

    /// Trusts the authorities in this file, in PEM, and no others
    #[cfg(feature = "_rustls")]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", help_heading = SERVER)]
    pub ca_file: Option<PathBuf>,

    /// Shows each request
    #[arg(short, long, global = true, overrides_with_all = ["quiet", "debug"], help_heading = OUTPUT)]
    verbose: bool,

    /// Shows nothing but errors
    #[arg(short, long, global = true, overrides_with_all = ["verbose", "debug"], help_heading = OUTPUT)]
    quiet: bool,

    /// Shows each request and answer in full, without credentials
    #[arg(short = 'D', long, global = true, overrides_with_all = ["verbose", "quiet"], help_heading = OUTPUT)]
    debug: bool,

    /// Whether nothing but the profile counts.
    #[arg(skip)]
    only_profile: bool,
}

/// The same with a bucket and a collection.
#[derive(clap::Args, Clone, Debug, Default)]
#[non_exhaustive]
pub struct KintoArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,

    /// The id of the bucket (KINTO_BUCKET)
    #[arg(short, long, global = true, value_name = "ID", help_heading = SERVER)]
    pub bucket: Option<String>,

    /// The id of the collection (KINTO_COLLECTION)
    #[arg(short, long, global = true, value_name = "ID", help_heading = SERVER)]
    pub collection: Option<String>,
}

/// How much is told about what happens, on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums, reason = "one for each option")]
pub enum Verbosity {
    /// Only errors: `--quiet`.
    Quiet,
    /// Also what takes long, and alerts of the server.
    Normal,
    /// Also each request: `--verbose`.
    Verbose,
    /// Also what is in each, without credentials: `--debug`.
    Debug,
}

/// Why no client could be made of the arguments. `Display` is one complete line.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArgsError {
    /// Something is missing, or not as it has to be.
    Usage(String),
    /// The client could not be made.
    Client(Error),
}

impl ServerArgs {
    /// The same for the server of another profile, which alone says where that is and who one is there.
    #[must_use]
    pub fn of_profile(&self, name: impl Into<String>) -> Self {
        let profile = Some(name.into());
        Self { server: None, auth: None, auth_file: None, profile, only_profile: true, ..self.clone() }
    }

    /// How much is to be told.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose, self.debug) {
            (true, ..) => Verbosity::Quiet,
            (_, _, true) => Verbosity::Debug,
            (_, true, _) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }

    /// A client, told about on standard error as much as [was asked for](Self::verbosity). It goes through the proxy that the
    /// environment names.
    ///
    /// # Errors
    ///
    /// [`ArgsError`], where no server is named, no such profile exists, or something given cannot be used.
    pub fn client(&self) -> Result<Client, ArgsError> {
        self.client_by(None)
    }

    /// The same for a program whose name and version are to stand in `User-Agent`.
    ///
    /// # Errors
    ///
    /// As [`client`](Self::client).
    pub fn client_of(&self, product: &str) -> Result<Client, ArgsError> {
        self.client_by(Some(product))
    }

    /// Who says something, those first who count most.
    fn layers(&self) -> Result<Vec<Profile>, ArgsError> {
        let named = self.profile.as_deref().map(|name| profile::find(Some(name))).transpose()?;
        if self.only_profile {
            return Ok(named.into_iter().collect());
        }
        let (server, auth, auth_file) = (self.server.clone(), self.auth.clone(), self.auth_file.clone());
        let own = Profile { server, auth, auth_file, ..Profile::default() };
        // Whoever names a profile means all of it, whatever stands in the environment.
        let last = if named.is_some() { None } else { Some(profile::of_environment()?) };
        Ok([Some(own), named, Some(Profile::from_environment()), last].into_iter().flatten().collect())
    }

    fn client_by(&self, product: Option<&str>) -> Result<Client, ArgsError> {
        let layers = self.layers()?;
        let server = layers.iter().find_map(|layer| layer.server.as_ref()).ok_or_else(|| {
            let why = "no server: say which with --server, KINTO_SERVER or a profile, such as http://localhost:8888/v1";
            ArgsError::Usage(why.to_owned())
        })?;
        let verbosity = self.verbosity();
        let mut builder = Client::builder(server).proxy_from_env().observer(move |event| tell(event, verbosity));
        if let Some(auth) = credentials(&layers, server, verbosity)? {
            builder = builder.auth(auth);
        }
        if let Some(product) = product {
            builder = builder.user_agent(product);
        }
        if self.allow_insecure_http {
            builder = builder.allow_insecure_http();
        }
        #[cfg(feature = "_rustls")]
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).map_err(|error| ArgsError::Usage(format!("{}: {error}", path.display())))?;
            builder = builder.root_certificates(pem);
        }
        let mut policy = kinto_protocol::Policy::default();
        if let Some(times) = self.retry {
            policy.attempts = times.saturating_add(1);
        }
        if let Some(seconds) = self.retry_after {
            policy.longest_wait = Duration::from_secs(seconds);
            policy.first_wait = policy.first_wait.min(policy.longest_wait);
        }
        let mut client = builder.policy(policy).build()?;
        if verbosity == Verbosity::Debug {
            let session = client.session().clone();
            client.transport = Arc::new(Logged::new(client.transport, session));
        }
        Ok(client)
    }
}

/// Of the first layer that has some. Where credentials stand beside a server, they are for that one and no other.
fn credentials(layers: &[Profile], server: &str, verbosity: Verbosity) -> Result<Option<Auth>, ArgsError> {
    for layer in layers.iter().filter(|layer| layer.auth.is_some() || layer.auth_file.is_some()) {
        match layer.server.as_deref().filter(|other| *other != server) {
            None => return credentials::read(layer.auth.as_ref(), layer.auth_file.as_deref()),
            Some(other) if verbosity > Verbosity::Quiet => {
                logged::say(&format!(
                    "the credentials for {other} are not sent to {server}: say --auth if they are to be"
                ));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

impl KintoArgs {
    /// A client: see [`ServerArgs::client`].
    ///
    /// # Errors
    ///
    /// As [`ServerArgs::client`].
    pub fn client(&self) -> Result<Client, ArgsError> {
        self.server.client()
    }

    /// The id of the bucket, as it is given here or by the profile.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Usage`] where there is no such profile.
    pub fn bucket_id(&self) -> Result<Option<String>, ArgsError> {
        Ok(self.bucket.clone().or(self.server.layers()?.into_iter().find_map(|layer| layer.bucket)))
    }

    /// The id of the collection, as it is given here or by the profile.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Usage`] where there is no such profile.
    pub fn collection_id(&self) -> Result<Option<String>, ArgsError> {
        Ok(self.collection.clone().or(self.server.layers()?.into_iter().find_map(|layer| layer.collection)))
    }

    /// The address of the bucket.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Usage`] where none is named.
    pub fn bucket(&self) -> Result<Bucket, ArgsError> {
        let missing = || ArgsError::Usage("no bucket: say which with --bucket, KINTO_BUCKET or a profile".to_owned());
        self.bucket_id()?.map(|id| bucket(&id)).ok_or_else(missing)
    }

    /// The address of the collection.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Usage`] where it or its bucket is not named.
    pub fn collection(&self) -> Result<Collection, ArgsError> {
        let missing =
            || ArgsError::Usage("no collection: say which with --collection, KINTO_COLLECTION or a profile".to_owned());
        let bucket = self.bucket()?;
        self.collection_id()?.map(|id| bucket.collection(&id)).ok_or_else(missing)
    }

    /// The records of the collection.
    ///
    /// # Errors
    ///
    /// As [`collection`](Self::collection).
    pub fn records(&self) -> Result<Resource, ArgsError> {
        self.collection().map(|collection| collection.records())
    }
}

/// Tells what happens, as much as was asked for.
fn tell(event: &Event<'_>, verbosity: Verbosity) {
    let (from, line) = match event {
        Event::Answered { request, status } => (Verbosity::Verbose, format!("{request}: {status}")),
        Event::Retry { request, attempts, wait, why } => {
            (Verbosity::Verbose, format!("{request}: {why}; attempt {} in {wait:.1?}", attempts + 1))
        }
        Event::Backoff { request, wait } => {
            (Verbosity::Normal, format!("{request}: the server asks for silence, waiting {wait:.1?}"))
        }
        Event::Alert { message, url, .. } => {
            let url = url.map(|url| format!(" ({url})")).unwrap_or_default();
            (Verbosity::Normal, format!("alert of the server: {message}{url}"))
        }
        Event::Unverified { request, why } => (Verbosity::Normal, format!("{request}: not verified: {why}")),
        _ => return,
    };
    if verbosity < from {
        return;
    }
    if verbosity == Verbosity::Normal {
        logged::begin_line();
    }
    logged::say(&line);
}

impl From<Error> for ArgsError {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => f.write_str(why),
            Self::Client(error) => error.fmt(f),
        }
    }
}

impl StdError for ArgsError {}
