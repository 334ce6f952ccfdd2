//! Whether there is a connection for a request. hyper does not tell, and its own way to ask costs more than a timer: but
//! its connector and its executor are ours, and work for a request only while that is polled, which puts itself where
//! they find it.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use hyper_util::client::legacy::ResponseFuture;
use hyper_util::rt::TokioExecutor;

thread_local! {
    /// The request that this thread polls.
    static POLLED: Cell<Option<Progress>> = const { Cell::new(None) };
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    patience: Duration,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Connecting,
    Connected,
}

/// The answer to a request, on its way.
pub(crate) struct Answering {
    answer: ResponseFuture,
    progress: Progress,
}

impl Answering {
    /// Whatever connections it needs are to be there within so much time.
    pub(crate) fn new(answer: ResponseFuture, patience: Duration) -> Self {
        Self { answer, progress: Progress { patience, stage: Stage::New } }
    }

    /// Whether there was a connection for it, as of when it was polled last: before that, nothing of it is sent.
    pub(crate) fn is_connected(&self) -> bool {
        self.progress.stage == Stage::Connected
    }
}

impl Future for Answering {
    type Output = <ResponseFuture as Future>::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let around = Around(POLLED.replace(Some(self.progress)));
        let answer = Pin::new(&mut self.answer).poll(context);
        if let Some(mut progress) = POLLED.get() {
            // Nobody was asked for a connection: there was one that is idle.
            if progress.stage == Stage::New {
                progress.stage = Stage::Connected;
            }
            self.progress = progress;
        }
        drop(around);
        answer
    }
}

/// What was polled before, and is again, also after a panic.
struct Around(Option<Progress>);

impl Drop for Around {
    fn drop(&mut self) {
        POLLED.set(self.0);
    }
}

/// A connector is asked for a connection: how long the request is ready to wait for it.
pub(crate) fn connecting() -> Option<Duration> {
    let progress = POLLED.get()?;
    // One that had a connection already takes the time for another from that for the answer.
    if progress.stage == Stage::New {
        POLLED.set(Some(Progress { stage: Stage::Connecting, ..progress }));
    }
    Some(progress.patience)
}

/// The request has a connection. What is polled without one is none of its business.
pub(crate) fn connected() {
    if let Some(progress) = POLLED.get() {
        POLLED.set(Some(Progress { stage: Stage::Connected, ..progress }));
    }
}

/// Runs what connections do by themselves. A request that is connecting gives that away when it has got the connection of
/// another.
#[derive(Clone, Debug)]
pub(crate) struct Background(TokioExecutor);

impl Background {
    pub(crate) fn new() -> Self {
        Self(TokioExecutor::new())
    }
}

impl<F> Executor<F> for Background
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        connected();
        self.0.execute(future);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says where")]

    use std::future::{pending, poll_fn};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, mpsc};

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use http::{Request, Uri};
    use http_body_util::Full;
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioIo;
    use kinto_tests::{Answer, Stub};
    use tokio::net::TcpStream;
    use tower_service::Service;

    use super::*;
    use crate::connect::{BoxError, Socket};

    /// Connects once. Who asks again waits for ever.
    #[derive(Clone, Default)]
    struct Once(Arc<AtomicBool>);

    impl Service<Uri> for Once {
        type Response = Socket;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<Socket, BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, server: Uri) -> Self::Future {
            connecting();
            if self.0.swap(true, Ordering::Relaxed) {
                return Box::pin(pending());
            }
            Box::pin(async move {
                let connection = TcpStream::connect(server.authority().unwrap().as_str()).await?;
                connected();
                Ok(Socket(TokioIo::new(connection)))
            })
        }
    }

    fn asked(client: &Client<Once, Full<Bytes>>, stub: &Stub) -> Answering {
        let request = Request::get(stub.url()).body(Full::default()).unwrap();
        Answering::new(client.request(request), Duration::from_secs(1))
    }

    #[tokio::test]
    async fn ones_own_that_of_another_or_an_idle_one() {
        let (go, went) = mpsc::channel::<()>();
        let went = Mutex::new(went);
        let stub = Stub::start(move |number, _| {
            if number == 0 {
                went.lock().unwrap().recv().unwrap();
            }
            Answer::json(200, "")
        });
        let client = Client::builder(Background::new()).build(Once::default());

        let mut first = asked(&client, &stub);
        assert!((&mut first).now_or_never().is_none() && !first.is_connected());
        poll_fn(|context| {
            assert!(first.poll_unpin(context).is_pending());
            if first.is_connected() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;

        let mut second = asked(&client, &stub);
        assert!((&mut second).now_or_never().is_none() && !second.is_connected());
        go.send(()).unwrap();
        first.await.unwrap();
        assert!(!second.is_connected());
        (&mut second).await.unwrap();
        assert!(second.is_connected());

        let mut third = asked(&client, &stub);
        assert!((&mut third).now_or_never().is_none() && third.is_connected());
    }
}
