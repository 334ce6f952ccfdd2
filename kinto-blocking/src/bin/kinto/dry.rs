//! Requests that are shown, and not sent.

use std::io::Write as _;

use http::Method;
use kinto_blocking::{Call, Client, Flow, Moment, Request, Step};

use crate::failure::Failure;

/// How many reading requests are sent, to come to one that writes.
const READS: usize = 3;

/// Shows the first request of a flow that writes, as a command for curl; or of one that only reads, the first of all but those
/// that ask what the server is. What it depends on is read in earnest. There is no outcome then.
pub(crate) fn show_request<F: Flow>(client: &Client, flow: F) -> Result<Failure, Failure> {
    let root = client.session().url();
    let mut exchange = client.session().exchange(flow);
    let (mut first, mut reads) = (None, 0);
    loop {
        let request = match exchange.next(Moment::default()) {
            Step::Send(request, _) => request,
            Step::Wait(_) | Step::Done(Ok(_)) => break,
            Step::Done(Err(error)) => return Err(error.into()),
        };
        let uri = request.uri().to_string();
        let path = uri.strip_prefix(&root).unwrap_or_default();
        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        if is_read && path != "/" {
            reads += 1;
            first.get_or_insert_with(|| curl(&request));
        }
        if !is_read {
            first = Some(curl(&request));
        }
        if !is_read || reads > READS {
            break;
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let reply = client.send(Call::new(request.method().clone(), path.parse()?).query(query))?;
        let mut response = http::Response::new(reply.body().clone());
        (*response.status_mut(), *response.headers_mut()) = (reply.status(), reply.headers().clone());
        exchange.handle(Ok(response), Moment::default());
    }
    if let Some(command) = first {
        writeln!(std::io::stdout().lock(), "{command}")?;
    }
    Ok(Failure::Enough)
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
