//! Finding a Python that can make virtual environments.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use crate::StartError;

/// The oldest Python that Kinto runs on.
const OLDEST: (u32, u32) = (3, 10);

/// Printed line by line: the version, then what identifies this installation, then the module that
/// is missing, if any. Must work on any Python, even 2, for the version to be told.
const QUESTION: &str = "\
import sys
print('%d.%d' % sys.version_info[:2])
print(repr((sys.version, sys.prefix)))
try:
    import venv, ensurepip
except ImportError:
    print('venv')
";

/// A Python on this machine.
#[derive(Debug)]
pub(crate) struct Python {
    /// What to call it by.
    pub(crate) program: OsString,
    /// `3.11`, for the name of a folder.
    pub(crate) version: String,
    /// The exact version and its place.
    pub(crate) identity: String,
}

impl Python {
    /// The one in `KINTO_PYTHON`, or else the first good one of `python3` and `python`.
    pub(crate) fn find() -> Result<Self, StartError> {
        if let Some(program) = env::var_os("KINTO_PYTHON").filter(|program| !program.is_empty()) {
            return Self::ask(&program).map_err(|why| unusable(&format!("KINTO_PYTHON names {why}")));
        }
        let mut complaint = None;
        for name in ["python3", "python"] {
            match Self::ask(&name.into()) {
                Ok(python) => return Ok(python),
                Err(Unfit::Missing(_)) => {}
                // The first one is what a person means by "Python": `python` may well be Python 2.
                Err(unfit) => complaint = complaint.or(Some(unfit)),
            }
        }
        Err(unusable(&match complaint {
            Some(unfit) => format!("found only {unfit}"),
            None => "found neither python3 nor python in PATH".into(),
        }))
    }

    /// Asks one program whether it is a good one.
    fn ask(program: &OsString) -> Result<Self, Unfit> {
        let name = program.to_string_lossy().into_owned();
        let output = Command::new(program)
            .args(["-c", QUESTION])
            .env_remove("PYTHONHOME")
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => Unfit::Missing(name.clone()),
                _ => Unfit::Broken(name.clone(), error.to_string()),
            })?;
        let answer = String::from_utf8_lossy(&output.stdout);
        let mut lines = answer.lines();
        let (true, Some(version), Some(identity)) = (output.status.success(), lines.next(), lines.next()) else {
            return Err(Unfit::Broken(name, String::from_utf8_lossy(&output.stderr).trim().into()));
        };
        let number =
            version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        if number.is_none_or(|number: (u32, u32)| number < OLDEST) {
            return Err(Unfit::Old(name, version.into()));
        }
        if lines.next().is_some() {
            return Err(Unfit::NoVenv(name, version.into()));
        }
        Ok(Self { program: program.clone(), version: version.into(), identity: identity.into() })
    }
}

/// What is wrong with a program; the text continues "found only …".
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("{0}, which does not exist")]
    Missing(String),
    #[error("{0}, which does not run: {1}")]
    Broken(String, String),
    #[error("{0}, which is Python {1}")]
    Old(String, String),
    #[error(
        "{0}, which is Python {1} without the modules venv and ensurepip (on Debian and Ubuntu a package: \
             apt install python{1}-venv)"
    )]
    NoVenv(String, String),
}

/// The error: what was found, and what to do.
fn unusable(found: &str) -> StartError {
    let (major, minor) = OLDEST;
    StartError::Python(format!(
        "tests and examples start a real Kinto server, which needs Python {major}.{minor} or newer with its venv \
         module, but {found}. Install it (Debian, Ubuntu: apt install python3 python3-venv; Fedora: dnf install \
         python3; macOS: brew install python; otherwise from https://www.python.org/downloads/), or set KINTO_PYTHON \
         to the Python to use"
    ))
}
