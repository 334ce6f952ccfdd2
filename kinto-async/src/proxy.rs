//! Connections straight to the server, or through the proxy that the environment names.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use kinto_protocol::TransportError;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::connect::BoxError;

/// Connects over TCP, through a tunnel (`CONNECT`) where a proxy is to be used: it sees no more than the name of the
/// server, and neither requests nor credentials.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    tcp: HttpConnector,
    proxies: Option<Arc<Matcher>>,
}

impl Routed {
    pub(crate) fn new(tcp: HttpConnector, proxy_from_env: bool) -> Result<Self, TransportError> {
        if !proxy_from_env {
            return Ok(Self { tcp, proxies: None });
        }
        kinto_protocol::__check_proxies(|name| std::env::var(name).ok())?;
        Ok(Self { tcp, proxies: Some(Arc::new(Matcher::from_env())) })
    }
}

impl Service<Uri> for Routed {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&server)) else {
            let connecting = self.tcp.call(server);
            return Box::pin(async move { connecting.await.map_err(Into::into) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let connecting = tunnel.call(server);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}
