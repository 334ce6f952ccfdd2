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

/// What makes the connections: with TLS where the URL asks for it and the feature is on.
#[cfg(feature = "tls")]
pub(crate) type Wire = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
pub(crate) type Wire = HttpConnector;

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // Which schemes there are is decided further out.
    connector.enforce_http(cfg!(not(feature = "tls")));
    connector
}

#[cfg(feature = "tls")]
pub(crate) fn wire() -> Result<Wire, TransportError> {
    // The provider is named, so that nothing depends on what else the process has set up.
    let provider = rustls::crypto::ring::default_provider();
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_platform_verifier(provider);
    let builder = builder.map_err(|error| TransportError::new(kinto_protocol::FailureKind::Tls, error))?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp()))
}

#[cfg(not(feature = "tls"))]
pub(crate) fn wire() -> Result<Wire, TransportError> {
    Ok(tcp())
}

/// A connector that gives up in time: name resolution, TCP and TLS together.
#[derive(Clone)]
pub(crate) struct InTime<C> {
    pub(crate) connector: C,
    pub(crate) limit: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;

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
