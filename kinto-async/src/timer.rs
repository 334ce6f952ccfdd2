//! One timer for all the limits of a request. To make, to register and to forget one for each would cost more than
//! anything else that is done here.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// As good as never, as far as clocks go.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// When so much time is over.
pub(crate) fn after(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + FAR)
}

/// It is made when there is something to wait for.
pub(crate) struct Timer<'a>(Pin<&'a mut Option<Sleep>>);

impl<'a> Timer<'a> {
    pub(crate) fn new(sleep: Pin<&'a mut Option<Sleep>>) -> Self {
        Self(sleep)
    }

    /// Ready once that time has come. It is set anew where it was set to another one.
    pub(crate) fn poll(&mut self, end: Instant, context: &mut Context<'_>) -> Poll<()> {
        match self.0.as_mut().as_pin_mut() {
            Some(sleep) if sleep.deadline() == end => {}
            Some(sleep) => sleep.reset(end),
            None => self.0.set(Some(sleep_until(end))),
        }
        self.0.as_mut().as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(context))
    }

    /// What comes of a future, if it is over before that time.
    pub(crate) async fn until<F: Future>(&mut self, end: Instant, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll(end, context).map(|()| None),
        })
        .await
    }
}
