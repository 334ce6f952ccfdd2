//! How the wire is reached.

use std::error::Error;

use hyper_util::client::legacy::connect::HttpConnector;
use kinto_protocol::{__Proxy as Proxy, __Wire as Wire, TransportError};

use crate::proxy::Routed;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What makes the connections: with TLS where the URL asks for it and the feature is on.
#[cfg(feature = "_rustls")]
pub(crate) type Connector = hyper_rustls::HttpsConnector<Routed>;
#[cfg(not(feature = "_rustls"))]
pub(crate) type Connector = Routed;

pub(crate) fn connector(wire: &Wire, proxy: Option<Proxy>, https: bool) -> Result<Connector, TransportError> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    // Which schemes there are is decided further out.
    tcp.enforce_http(cfg!(not(feature = "_rustls")));
    let routed = Routed::new(tcp, proxy);
    #[cfg(feature = "_rustls")]
    return crate::tls::connector(routed, wire.roots.as_deref(), https);
    #[cfg(not(feature = "_rustls"))]
    {
        let _ = (wire, https);
        Ok(routed)
    }
}
