//! kinto-http.py, where an interpreter has it.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::work::Place;

/// What is measured. It comes along in the program, which can be anywhere.
const SCRIPT: &str = include_str!("by_kinto_http.py");

/// Names the interpreter.
const VARIABLE: &str = "KINTO_BENCH_PYTHON";

/// What it is called in tables.
pub(crate) const PYTHON: &str = "python";

/// An interpreter that has kinto-http.py.
pub(crate) struct Python(OsString);

impl Python {
    /// Says so where there is none.
    pub(crate) fn find() -> Option<Self> {
        let interpreter = env::var_os(VARIABLE).filter(|name| !name.is_empty()).unwrap_or_else(|| "python3".into());
        let asked = Command::new(&interpreter)
            .args(["-c", "import importlib.metadata, kinto_http; print(importlib.metadata.version('kinto-http'))"])
            .stderr(Stdio::null())
            .output();
        match asked {
            Ok(output) if output.status.success() => {
                eprintln!("kinto-http.py {} comes along", String::from_utf8_lossy(&output.stdout).trim());
                Some(Self(interpreter))
            }
            _ => {
                eprintln!(
                    "{} has no kinto-http.py, which is left out. To have it:\n    python3 -m venv NAME && \
                     NAME/bin/pip install kinto-http==11.11.0 && export {VARIABLE}=NAME/bin/python",
                    interpreter.display()
                );
                None
            }
        }
    }

    /// Measures as our own processes do.
    pub(crate) fn command(&self, work: &str, times: usize, place: &Place) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["-c", SCRIPT, work, &times.to_string(), &place.url, &place.collection]);
        command
    }
}
