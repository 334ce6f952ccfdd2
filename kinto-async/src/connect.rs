//! Connections, and the time they may take.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use kinto_protocol::TransportError;
use tower_service::Service;

use crate::proxy::Routed;

/// How the wire is to be reached.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) proxy_from_env: bool,
    /// The only authorities to be trusted, in PEM.
    #[cfg(feature = "_rustls")]
    pub(crate) roots: Option<Vec<u8>>,
}

/// What makes the connections: with TLS where the URL asks for it and the feature is on.
#[cfg(feature = "_rustls")]
pub(crate) type Connector = hyper_rustls::HttpsConnector<Routed>;
#[cfg(not(feature = "_rustls"))]
pub(crate) type Connector = Routed;

pub(crate) fn connector(wire: &Wire) -> Result<Connector, TransportError> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    // Which schemes there are is decided further out.
    tcp.enforce_http(cfg!(not(feature = "_rustls")));
    let routed = Routed::new(tcp, wire.proxy_from_env)?;
    #[cfg(feature = "_rustls")]
    return crate::tls::connector(routed, wire.roots.as_deref());
    #[cfg(not(feature = "_rustls"))]
    Ok(routed)
}

/// A connector that gives up in time: name resolution, TCP and TLS together.
#[derive(Clone, Debug)]
pub(crate) struct InTime<C> {
    pub(crate) connector: C,
    pub(crate) limit: Duration,
}

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.connector.call(uri));
        Box::pin(async move {
            match connecting.await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(NotInTime.into()),
            }
        })
    }
}

/// The connection took too long.
#[derive(Debug)]
pub(crate) struct NotInTime;

impl fmt::Display for NotInTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection took too long")
    }
}

impl Error for NotInTime {}
