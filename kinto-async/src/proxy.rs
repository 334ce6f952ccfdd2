//! Connections straight to the server, or through the proxy that the environment names.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use kinto_protocol::__Proxy as Proxy;
use tower_service::Service;

use crate::connect::{BoxError, Socket};
use crate::connecting::connecting;

/// Connects over TCP, through a tunnel (`CONNECT`) where there is a proxy: of what is encrypted it sees no more than
/// the name of the server.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    tcp: HttpConnector,
    proxy: Option<Arc<Proxy>>,
}

impl Routed {
    pub(crate) fn new(tcp: HttpConnector, proxy: Option<Proxy>) -> Self {
        Self { tcp, proxy: proxy.map(Arc::new) }
    }
}

impl Service<Uri> for Routed {
    type Response = Socket;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let patience = connecting();
        if patience.is_some() {
            // Shared among the addresses of a name, so that one that does not answer leaves time for the next.
            self.tcp.set_connect_timeout(patience);
        }
        let Some(proxy) = &self.proxy else {
            let connecting = self.tcp.call(server);
            return Box::pin(async move { Ok(Socket(connecting.await?)) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(authorization) = proxy.authorization() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let connecting = tunnel.call(with_port(server));
        Box::pin(async move { Ok(Socket(connecting.await?)) })
    }
}

/// Of a server without a port the tunnel would think that it is one of HTTPS.
fn with_port(server: Uri) -> Uri {
    if server.scheme() != Some(&Scheme::HTTP) || server.port().is_some() {
        return server;
    }
    let mut parts = server.clone().into_parts();
    parts.authority = parts.authority.and_then(|authority| format!("{}:80", authority.host()).parse().ok());
    Uri::from_parts(parts).unwrap_or(server)
}
