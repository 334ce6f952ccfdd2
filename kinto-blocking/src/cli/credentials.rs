//! Credentials from an argument, a file or a prompt.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use kinto_protocol::Auth;
use zeroize::Zeroizing;

use crate::cli::ArgsError;

/// What is shown to nobody, and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "String")]
pub(super) struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The credentials, if there are any: the text, or else what stands in the file.
pub(super) fn read(text: Option<&Secret>, file: Option<&Path>) -> Result<Option<Auth>, ArgsError> {
    let from_file = |path: &Path| -> Result<Secret, ArgsError> {
        let content = fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| ArgsError::Usage(format!("the credentials in {}: {error}", path.display())))?;
        Ok(content.lines().next().unwrap_or_default().trim_end().to_owned().into())
    };
    let secret = match (text, file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => from_file(file)?,
        (None, None) => return Ok(None),
    };
    of(&secret.0).map(Some)
}

fn of(text: &str) -> Result<Auth, ArgsError> {
    if text.contains([':', ' ']) {
        return Ok(text.parse()?);
    }
    // Tokens of OpenID providers are pasted without the word before them. No user is called like one.
    if text.split('.').count() == 3 && text.len() > 60 {
        return Ok(Auth::bearer(text));
    }
    if text.is_empty() {
        return Err(ArgsError::Usage(
            "the credentials are empty: expected USER:PASSWORD, or \"Bearer TOKEN\"".to_owned(),
        ));
    }
    let password = rpassword::prompt_password(format!("Password for {text}: ")).map_err(|error| {
        let why = format!("the password of {text} cannot be asked for ({error})");
        ArgsError::Usage(format!("{why}: give it with KINTO_AUTH=USER:PASSWORD or --auth-file"))
    })?;
    // As one text, so that what is wrong with it is said as everywhere.
    Ok(Zeroizing::new(format!("{text}:{}", &*Zeroizing::new(password))).parse()?)
}
