//! A transport that tells a recorder what it does.

use std::sync::Arc;

use kinto_protocol::testing::Recorder;
use kinto_protocol::{Limits, Request, Response, TransportError};

use crate::transport::Transport;

/// Files take the usual way, as one piece: what cannot be read again cannot be written down.
pub(crate) struct Recorded {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) recorder: Recorder,
}

impl Transport for Recorded {
    fn send(&self, request: Request, limits: &Limits) -> Result<Response, TransportError> {
        let asked = self.recorder.asked(&request);
        let outcome = self.inner.send(request, limits);
        self.recorder.answered(asked, &outcome);
        outcome
    }
}
