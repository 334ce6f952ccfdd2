//! The model of a server, on the wire.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Request, Response};

use crate::stub::{Answer, Stub};

impl Stub {
    /// Starts one that answers as this model does.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn serving(server: MemoryServer) -> Self {
        Self::serving_with(server, |_, _| ())
    }

    /// The same where this changes what it answers.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn serving_with(
        server: MemoryServer,
        change: impl Fn(&Request, &mut Response) + Send + Sync + 'static,
    ) -> Self {
        Self::behind(server, move |_, request, answered| {
            let mut response = answered();
            change(request, &mut response);
            whole(request, response)
        })
    }

    /// The same where this decides what becomes of each request, which gets its number, from 0, the request, and what
    /// has the model carry it out and answer.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn behind(
        server: MemoryServer,
        decide: impl Fn(usize, &Request, &dyn Fn() -> Response) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |number, text| {
            // What is no request is not answered.
            let Some(request) = request(text) else { return Answer::Close(Vec::new()) };
            decide(number, &request, &|| server.answer(&request))
        })
    }
}

/// All of this answer, on a connection that stays unless that request is the last one.
pub fn whole(request: &Request, mut response: Response) -> Answer {
    let Some(last) = request.headers().get("connection").filter(|value| *value == "close") else {
        return Answer::Keep(bytes(&response));
    };
    response.headers_mut().insert("connection", last.clone());
    Answer::Close(bytes(&response))
}

fn request(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut line = lines.next()?.split(' ');
    let mut request = http::Request::builder().method(line.next()?).uri(line.next()?);
    for header in lines {
        let (name, value) = header.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(body.to_owned().into()).ok()
}

fn bytes(response: &Response) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(format!("Content-Length: {}\r\n\r\n", response.body().len()).into_bytes());
    bytes.extend(response.body());
    bytes
}
