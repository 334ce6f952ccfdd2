//! A real server of HTTP/2, which also speaks HTTP/1.1 to those who do not ask for more.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{KNOWN, NOW};

/// Where the servers run.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"));

/// The server.
pub(crate) struct Modern {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    /// The number of its connection.
    pub(crate) connection: usize,
    pub(crate) uri: String,
    /// The names of its headers, sorted.
    pub(crate) headers: Vec<String>,
}

/// An answer to come.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response<Content>> + Send>>;

impl Modern {
    /// Answers each request with what the closure gives for its path.
    pub(crate) fn start(answer: impl Fn(&str) -> Answering + Send + Sync + 'static) -> Self {
        let mut tls = KNOWN.server("127.0.0.1", NOW);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let noted = Arc::clone(&seen);
        let answer = Arc::new(answer);
        let connections = AtomicUsize::new(0);
        RUNTIME.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answer, noted) = (acceptor.clone(), Arc::clone(&answer), Arc::clone(&noted));
                tokio::spawn(async move {
                    // A client that goes away ends its connection and nothing else.
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let service = service_fn(move |request: Request<Incoming>| {
                        noted.lock().unwrap().push(Seen::of(&request, connection));
                        let answering = answer(request.uri().path());
                        async move { Ok::<_, Infallible>(answering.await) }
                    });
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(tls), service).await;
                });
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Seen {
    fn of(request: &Request<Incoming>, connection: usize) -> Self {
        let mut headers: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        headers.sort_unstable();
        Self { version: request.version(), connection, uri: request.uri().to_string(), headers }
    }
}

/// The body of an answer.
pub(crate) enum Content {
    Whole(Option<Bytes>),
    /// Some bytes, and then the stream is reset.
    Reset(Option<Bytes>),
    /// Some bytes, and then nothing.
    Stalling(Option<Bytes>),
}

impl Content {
    pub(crate) fn whole(text: impl Into<Bytes>) -> Response<Self> {
        Response::new(Self::Whole(Some(text.into())))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let (Self::Whole(bytes) | Self::Reset(bytes) | Self::Stalling(bytes)) = this;
        match (bytes.take(), this) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (None, Self::Whole(_)) => Poll::Ready(None),
            (None, Self::Reset(_)) => Poll::Ready(Some(Err(io::Error::other("reset")))),
            (None, Self::Stalling(_)) => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            _ => SizeHint::default(),
        }
    }
}
