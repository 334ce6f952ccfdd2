//! The kinds of servers: what they keep their records in, and what they are made of.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{StartError, environment};

/// What a server keeps its records in, and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The memory of the server process. Quick to start and needs nothing else, but has no
    /// transactions: a batch that fails half way is not rolled back, and nothing is ever refused
    /// because of concurrency.
    Memory,
    /// A PostgreSQL server of its own, as in production.
    Postgresql,
    /// Memory again, but of another server: Kinto 16 with the plugins `signer` and `changes`, which newer versions of
    /// Kinto have no released ones of. Collections of the bucket `main-workspace` are reviewed in `main-preview` and
    /// published in `main`; their editors are the members of the group `editors`, their reviewers those of `reviewers`.
    /// No attachments.
    ///
    /// What it refuses is written all the same, as it has no transactions: its plugin looks at a status when that is in
    /// memory already.
    Signer,
    /// The same with a PostgreSQL server of its own, which undoes what is refused.
    SignerPostgresql,
}

impl Backend {
    /// Whether this machine has what the backend needs beside Python.
    ///
    /// # Errors
    ///
    /// A sentence that says what to install.
    pub fn available(self) -> Result<(), String> {
        match self {
            Self::Memory | Self::Signer => Ok(()),
            Self::Postgresql | Self::SignerPostgresql => postgresql_programs().map(|_| ()),
        }
    }

    /// The Python that has all that a server of this kind is made of.
    ///
    /// # Errors
    ///
    /// Python is missing, or Kinto could not be installed.
    pub fn python(self) -> Result<&'static Path, StartError> {
        environment::python(self)
    }

    /// Whether it keeps its records in a PostgreSQL server, which has transactions.
    #[must_use]
    pub fn is_postgresql(self) -> bool {
        matches!(self, Self::Postgresql | Self::SignerPostgresql)
    }

    /// Whether it has the plugins `signer` and `changes`.
    #[must_use]
    pub fn is_signer(self) -> bool {
        matches!(self, Self::Signer | Self::SignerPostgresql)
    }
}

/// The folder that holds PostgreSQL's `initdb` and `postgres`.
pub(crate) fn postgresql_programs() -> Result<PathBuf, String> {
    if !cfg!(unix) {
        return Err("tests with PostgreSQL only run on Linux and macOS".into());
    }
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&in_path)
        .chain(installed_versions())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or_else(|| {
            "PostgreSQL's programs initdb and postgres were not found in PATH or its usual folders: install them \
             (Debian, Ubuntu: apt install postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
             postgresql)"
                .into()
        })
}

/// Where packages of PostgreSQL put its programs when not into PATH, the newest version first.
fn installed_versions() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    // Debian: /usr/lib/postgresql/15/bin. Red Hat: /usr/pgsql-15/bin. Homebrew:
    // /opt/homebrew/opt/postgresql@15/bin.
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        let Ok(entries) = fs::read_dir(Path::new(parent)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            if let Some(version) = version {
                found.push((version, entry.path().join("bin")));
            }
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}
