//! `info`, `whoami` and `login`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use kinto_blocking::{BatchLimit, Login, server_info};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// What the server is, and what it can do
#[derive(clap::Args)]
pub(crate) struct Info {}

/// Who one is to the server
#[derive(clap::Args)]
#[command(after_help = "Ends with status 4 when the server knows nobody by these credentials.")]
pub(crate) struct Whoami {}

/// Signs in through a browser, on servers with OpenID, and writes the token for KINTO_AUTH
#[derive(clap::Args)]
#[command(after_help = "Example:\n  export KINTO_AUTH=\"$(kinto login -s https://kinto.example/v1)\"")]
pub(crate) struct SignIn {
    /// The provider, where there are several
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Seconds to wait for the browser
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
}

impl SignIn {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        context.no_curl()?;
        let mut login = Login::new().timeout(Duration::from_secs(self.timeout));
        if let Some(provider) = self.provider {
            login = login.provider(provider);
        }
        // Whoever it is for now does not matter.
        let client = context.client()?.with_auth(None)?;
        // It is for the user alone, whatever else is to be said.
        let token = client.login(login, |url| writeln!(io::stderr().lock(), "To sign in, open {url}"))?;
        context.output.line(&format!("{} {}", token.token_type, token.access_token))?;
        Ok(Outcome::Done)
    }
}

impl Info {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let info = context.send(server_info())?;
        let capabilities: BTreeMap<_, _> = info.capabilities;
        let names: Vec<&String> = capabilities.keys().collect();
        let mut shown = Map::new();
        for (name, value) in [
            ("project_name", json!(info.project_name)),
            ("project_version", json!(info.project_version)),
            ("http_api_version", json!(info.http_api_version)),
            ("url", json!(info.url)),
            ("readonly", json!(info.settings.readonly)),
            ("batch_max_requests", batch_limit(info.settings.batch_max_requests)),
            ("capabilities", json!(names)),
            ("user", json!(info.user.map(|user| user.id))),
            ("eos", json!(info.eos)),
        ] {
            if !value.is_null() {
                shown.insert(name.to_owned(), value);
            }
        }
        context.output.object(shown, &[])?;
        Ok(Outcome::Done)
    }
}

impl Whoami {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let info = context.send(server_info())?;
        let Some(user) = info.user else { return Err(Failure::Nobody) };
        let shown = json!({"id": user.id, "principals": user.principals, "bucket": user.bucket});
        let Value::Object(shown) = shown else { return Ok(Outcome::Done) };
        context.output.object(shown, &[])?;
        Ok(Outcome::Done)
    }
}

fn batch_limit(limit: BatchLimit) -> Value {
    match limit {
        BatchLimit::AtMost(requests) => requests.into(),
        _ => Value::Null,
    }
}
