//! How the wire is reached.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use kinto_protocol::{__Proxy as Proxy, __Wire as Wire, TransportError};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::connecting::connected;
use crate::proxy::Routed;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// With TLS where the URL asks for it and the feature is on.
#[cfg(feature = "_rustls")]
pub(crate) type Secured = hyper_rustls::HttpsConnector<Routed>;
#[cfg(not(feature = "_rustls"))]
pub(crate) type Secured = Routed;

/// What makes the connections. It is copied for each request, and seldom used.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Secured>);

impl Connector {
    pub(crate) fn new(wire: &Wire, proxy: Option<Proxy>, https: bool) -> Result<Self, TransportError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        // Which schemes there are is decided further out.
        tcp.enforce_http(cfg!(not(feature = "_rustls")));
        let routed = Routed::new(tcp, proxy);
        #[cfg(feature = "_rustls")]
        let secured = crate::tls::connector(routed, wire.roots.as_deref(), https)?;
        #[cfg(not(feature = "_rustls"))]
        let (secured, _) = (routed, (wire, https));
        Ok(Self(Arc::new(secured)))
    }
}

impl Service<Uri> for Connector {
    type Response = <Secured as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let mut secured = Secured::clone(&self.0);
        Box::pin(async move {
            poll_fn(|context| secured.poll_ready(context)).await?;
            let connection = secured.call(server).await?;
            connected();
            Ok(connection)
        })
    }
}

/// A connection over TCP, of which nothing is told: hyper would make a note of its addresses with each answer.
pub(crate) struct Socket(pub(crate) TokioIo<TcpStream>);

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, pieces)
    }
}
