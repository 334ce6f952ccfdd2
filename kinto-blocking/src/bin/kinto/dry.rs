//! Requests that are shown and not sent.

use std::io::Write as _;

use kinto_blocking::{Flow, Moment, Request, Session, Step};

use crate::failure::Failure;

/// Shows the first request of a flow, as a command for curl. There is no outcome then.
pub(crate) fn show_request<F: Flow>(session: &Session, flow: F) -> Result<Failure, Failure> {
    let mut exchange = session.exchange(flow);
    match exchange.next(Moment::default()) {
        Step::Send(request, _) => {
            writeln!(std::io::stdout().lock(), "{}", curl(&request))?;
            Ok(Failure::Enough)
        }
        Step::Wait(_) => Ok(Failure::Enough),
        Step::Done(outcome) => match outcome {
            // Nothing is to be sent for it.
            Ok(_) => Ok(Failure::Enough),
            Err(error) => Err(error.into()),
        },
    }
}

/// The command. Credentials are not part of it: they come from the environment.
fn curl(request: &Request) -> String {
    let mut command = match request.method().as_str() {
        // With -X it would wait for a body.
        "HEAD" => "curl -I".to_owned(),
        method => format!("curl -X {method}"),
    };
    for (name, value) in request.headers() {
        let Ok(text) = value.to_str() else { continue };
        if *name == "authorization" {
            let basic = text.starts_with("Basic ");
            command += if basic { " --user \"$KINTO_AUTH\"" } else { " -H \"Authorization: $KINTO_AUTH\"" };
        } else if !["user-agent", "accept-encoding"].contains(&name.as_str()) && !value.is_sensitive() {
            command += &format!(" -H {}", quoted(&format!("{name}: {text}")));
        }
    }
    if !request.body().is_empty() {
        command += &format!(" --data-raw {}", quoted(&String::from_utf8_lossy(request.body())));
    }
    command + " " + &quoted(&request.uri().to_string())
}

/// As a word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
