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
        ArgsError::Usage(format!("the profiles in {shown}, line {line}: {}", error.message()))
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
