//! The virtual environments that Kinto is installed in, one for each list of requirements.
//!
//! The folder of one, `target/kinto-python/VERSION-HASH`, is named for the pinned requirements and the
//! Python, so that a change of either makes a new one. In it lie:
//!
//! - `lock`, locked by whoever installs, as several test processes may start together;
//! - `venv-…`, the virtual environment. A rebuild takes a new name: the pip of an attempt that was
//!   interrupted may live on for a while and write into its own folder;
//! - `finished`, written last, which names the folder that is complete. Without it there is nothing
//!   to be reused.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::python::Python;
use crate::{Backend, StartError, say, target_folder};

/// What one kind of server is made of.
struct Environment {
    /// For the person who waits.
    name: &'static str,
    /// The pinned requirements.
    requirements: &'static str,
    /// Its Python, once it is complete.
    ready: OnceLock<PathBuf>,
    /// The lock file keeps processes apart; threads need not be told to wait for "another process".
    one_at_a_time: Mutex<()>,
}

impl Environment {
    const fn of(name: &'static str, requirements: &'static str) -> Self {
        Self { name, requirements, ready: OnceLock::new(), one_at_a_time: Mutex::new(()) }
    }
}

/// The Python of the virtual environment for servers of this kind, which is made if need be.
pub(crate) fn python(backend: Backend) -> Result<&'static Path, StartError> {
    static CURRENT: Environment = Environment::of("the Kinto test server", include_str!("requirements.txt"));
    static SIGNER: Environment =
        Environment::of("the Kinto test server with signatures", include_str!("requirements-signer.txt"));
    let environment = if backend.is_signer() { &SIGNER } else { &CURRENT };
    if let Some(python) = environment.ready.get() {
        return Ok(python);
    }
    let _guard = environment.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(python) = environment.ready.get() {
        return Ok(python);
    }
    let base = Python::find()?;
    let hash = fnv1a(&[environment.requirements, &base.identity]);
    let home = target_folder().join("kinto-python").join(format!("{}-{hash:016x}", base.version));
    let python = match finished(&home) {
        Some(python) => python,
        None => install_alone(environment, &home, &base)?,
    };
    Ok(environment.ready.get_or_init(|| python))
}

/// The Python of the complete virtual environment in `home`, if there is one.
fn finished(home: &Path) -> Option<PathBuf> {
    let name = fs::read_to_string(home.join("finished")).ok()?;
    let python = python_in(&home.join(name.trim()));
    python.exists().then_some(python)
}

/// Installs unless another process does, or did in the meantime.
fn install_alone(environment: &Environment, home: &Path, base: &Python) -> Result<PathBuf, StartError> {
    fs::create_dir_all(home).map_err(StartError::io(format!("making the folder {}", home.display())))?;
    let path = home.join("lock");
    let locking = || StartError::io(format!("locking the file {}", path.display()));
    let lock = File::create(&path).map_err(locking())?;
    // By the trait's name: newer versions of `File` have a method `lock` of their own.
    if fs4::FileExt::try_lock(&lock).is_err() {
        say(&format!("waiting for another process to install {}", environment.name));
        fs4::FileExt::lock(&lock).map_err(locking())?;
    }
    // Unlocked when the file is closed, also by a crash.
    match finished(home) {
        Some(python) => Ok(python),
        None => install(environment, home, base),
    }
}

/// Makes the virtual environment from scratch.
fn install(environment: &Environment, home: &Path, base: &Python) -> Result<PathBuf, StartError> {
    say(&format!("installing {} into a virtual environment, once; this can take a minute", environment.name));
    remove_remains(home);
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let name = format!("venv-{}-{moment}", process::id());
    let folder = home.join(&name);
    let requirements = home.join("requirements.txt");
    write(&requirements, environment.requirements)?;

    run("making a virtual environment", &base.program, |command| {
        command.args(["-m", "venv"]).arg(&folder);
    })?;
    let python = python_in(&folder);
    // As a module: the script `pip` fails when its path is too long for a #! line.
    run("installing Kinto with pip", python.as_os_str(), |command| {
        command
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
            // The list is complete, so that pip has nothing to resolve and nothing unlisted gets
            // in.
            .args(["--no-deps", "--require-hashes", "--requirement"])
            .arg(&requirements);
    })?;
    write(&home.join("finished"), &name)?;
    Ok(python)
}

/// Removes what interrupted attempts left.
fn remove_remains(home: &Path) {
    let Ok(entries) = fs::read_dir(home) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("venv-") {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Runs one step of the installation; what it prints is shown only if it fails.
fn run(step: &str, program: &OsStr, arguments: impl FnOnce(&mut Command)) -> Result<(), StartError> {
    let mut command = Command::new(program);
    arguments(&mut command);
    // What would lead the installation, or its modules, to another place.
    for name in ["PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"] {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output().map_err(StartError::io(step))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError::Install {
        message: format!("{step} failed ({}):", output.status),
        output: format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    })
}

fn write(path: &Path, text: &str) -> Result<(), StartError> {
    fs::write(path, text).map_err(StartError::io(format!("writing {}", path.display())))
}

/// Where a virtual environment has its Python.
fn python_in(folder: &Path) -> PathBuf {
    if cfg!(windows) { folder.join("Scripts").join("python.exe") } else { folder.join("bin").join("python") }
}

/// A hash that stays the same from one Rust to the next, unlike the standard library's.
fn fnv1a(texts: &[&str]) -> u64 {
    texts
        .iter()
        // A byte that is in no text keeps the texts apart.
        .flat_map(|text| text.bytes().chain([0xff]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
