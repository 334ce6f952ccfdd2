//! What all verbs need: the client, where paths begin, and where the output goes.

use std::io::{self, IsTerminal as _, Write as _};

use kinto_blocking::cli::{KintoArgs, Verbosity};
use kinto_blocking::{Client, Flow};

use crate::dry;
use crate::failure::Failure;
use crate::output::{Output, OutputArgs};
use crate::place::Place;
use crate::progress::Progress;
use crate::table;

const PRODUCT: &str = concat!("kinto/", env!("CARGO_PKG_VERSION"));

pub(crate) struct Context {
    kinto: KintoArgs,
    pub(crate) output: Output,
    client: Option<Client>,
}

impl Context {
    pub(crate) fn new(kinto: KintoArgs, output: OutputArgs) -> Self {
        Self { kinto, output: Output::new(output), client: None }
    }

    /// The client, made when it is first asked for: what is wrong with other arguments is said before a password is asked
    /// for.
    pub(crate) fn client(&mut self) -> Result<Client, Failure> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = self.kinto.server.client_of(PRODUCT)?;
        Ok(self.client.insert(client).clone())
    }

    /// What a path leads to, and a client of its server: `stage:/blog` is at the server of the profile `stage`.
    pub(crate) fn site(&mut self, path: &str) -> Result<(Client, Place), Failure> {
        let Some((name, path)) = path.split_once(":/") else { return Ok((self.client()?, self.place(path)?)) };
        let args = self.kinto.server.of_profile(name);
        Ok((args.client_of(PRODUCT)?, Place::parse(&format!("/{path}"), (None, None))?))
    }

    /// What a path leads to.
    pub(crate) fn place(&self, path: &str) -> Result<Place, Failure> {
        if let Some((name, _)) = path.split_once(":/") {
            return Err(Failure::Usage(format!("{path} is elsewhere: for one place alone say --profile {name}")));
        }
        let (bucket, collection) = (self.kinto.bucket_id()?, self.kinto.collection_id()?);
        Place::parse(path, (bucket.as_deref(), collection.as_deref()))
    }

    /// What the arguments name without a path.
    pub(crate) fn here(&self) -> Result<Place, Failure> {
        if self.kinto.bucket_id()?.is_some() { self.place("") } else { Ok(Place::Root) }
    }

    /// Sends it, or with --curl shows what would be sent.
    pub(crate) fn send<F: Flow>(&mut self, flow: F) -> Result<F::Output, Failure> {
        let client = self.client()?;
        self.send_by(&client, flow)
    }

    /// The same by the client of another server.
    pub(crate) fn send_by<F: Flow>(&self, client: &Client, flow: F) -> Result<F::Output, Failure> {
        if self.output.curl() {
            return Err(dry::show_request(client, flow)?);
        }
        Ok(client.send(flow)?)
    }

    /// Whether some operations of a batch may be refused.
    pub(crate) fn ignores_refusals(&self) -> bool {
        self.kinto.server.ignore_batch_4xx
    }

    /// Tells something beside the output, unless that is not wanted.
    pub(crate) fn say(&self, line: &str) {
        if self.kinto.server.verbosity() > Verbosity::Quiet {
            // Nobody to read it is no reason to fail.
            let _ = writeln!(io::stderr().lock(), "{}", table::harmless(line));
        }
    }

    /// Of verbs whose requests depend on each other, or on a file.
    pub(crate) fn no_curl(&self) -> Result<(), Failure> {
        if self.output.curl() {
            return Err(Failure::Usage("what this sends is no single request that curl could send".to_owned()));
        }
        Ok(())
    }

    /// A bar for something long, at a terminal.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.kinto.server.verbosity() == Verbosity::Normal)
    }

    /// The same for what is mostly over at once.
    pub(crate) fn late_progress(&self) -> Progress {
        Progress::late(self.kinto.server.verbosity() == Verbosity::Normal)
    }

    /// Asks whether it is to be done: yes if that was said already.
    pub(crate) fn confirm(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(Failure::Usage(format!("{question} There is no terminal to ask at: say --yes")));
        }
        write!(io::stderr().lock(), "{question} [y/N] ")?;
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer)? == 0 {
            // There was no Enter.
            writeln!(io::stderr().lock())?;
        }
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::Declined),
        }
    }
}
