//! What a server keeps its records in.

use std::fs;
use std::path::{Path, PathBuf};

/// What a server keeps its records in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The memory of the server process. Quick to start and needs nothing else, but has no
    /// transactions: a batch that fails half way is not rolled back, and nothing is ever refused
    /// because of concurrency.
    Memory,
    /// A PostgreSQL server of its own, as in production.
    Postgresql,
}

impl Backend {
    /// Whether this machine has what the backend needs beside Python.
    ///
    /// # Errors
    ///
    /// A sentence that says what to install.
    pub fn available(self) -> Result<(), String> {
        match self {
            Self::Memory => Ok(()),
            Self::Postgresql => postgresql_programs().map(|_| ()),
        }
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
