//! Profiles: what need not be said each time.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::Deserialize;

use crate::cli::ArgsError;
use crate::cli::credentials::Secret;

/// What stands under one name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) server: Option<String>,
    pub(super) auth: Option<Secret>,
    pub(super) auth_file: Option<PathBuf>,
    pub(super) bucket: Option<String>,
    pub(super) collection: Option<String>,
}

impl Profile {
    /// What environment variables say. Empty ones say nothing.
    pub(super) fn from_environment() -> Self {
        let var = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            server: var("KINTO_SERVER"),
            auth: var("KINTO_AUTH").map(Secret::from),
            auth_file: var("KINTO_AUTH_FILE").map(PathBuf::from),
            bucket: var("KINTO_BUCKET"),
            collection: var("KINTO_COLLECTION"),
        }
    }
}

/// The one that the environment names, or else the usual one.
pub(super) fn of_environment() -> Result<Profile, ArgsError> {
    find(env::var("KINTO_PROFILE").ok().filter(|name| !name.is_empty()).as_deref())
}

/// The one of this name; without a name `default`, if there is one.
pub(super) fn find(name: Option<&str>) -> Result<Profile, ArgsError> {
    let Some(path) = path() else {
        return match name {
            None => Ok(Profile::default()),
            Some(name) => Err(ArgsError::Usage(format!("no profile {name}: this machine has no folder for them"))),
        };
    };
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && name.is_none() => return Ok(Profile::default()),
        Err(error) => return Err(ArgsError::Usage(format!("the profiles in {shown}: {error}"))),
    };
    let mut profiles: BTreeMap<String, Profile> = toml::from_str(&text).map_err(|error| {
        // What stands in the line may be a secret.
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
        let message = error.message();
        let why = if message.starts_with("invalid ") { "a value of another type than it has to be" } else { message };
        ArgsError::Usage(format!("the profiles in {shown}, line {line}: {why}"))
    })?;
    if let Some(profile) = profiles.remove(name.unwrap_or("default")) {
        return Ok(profile);
    }
    let Some(name) = name else { return Ok(Profile::default()) };
    let names = profiles.into_keys().collect::<Vec<_>>().join(", ");
    Err(ArgsError::Usage(format!("no profile {name} in {shown}, which has: {names}")))
}

/// Where they are.
fn path() -> Option<PathBuf> {
    let var = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = var("KINTO_PROFILES") {
        return Some(path);
    }
    let folder = if cfg!(windows) {
        var("APPDATA")
    } else {
        var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")))
    };
    Some(folder?.join("kinto").join("profiles.toml"))
}
