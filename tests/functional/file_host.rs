//! A host that files are kept on, another one than the API's: it knows nobody, and nobody is to tell it who they are.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, IF_RANGE, LAST_MODIFIED, RANGE, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tower_http::services::ServeDir;
use tower_http::services::fs::ServeFileSystemResponseBody as Body;

/// What may be told to a host of files.
const HARMLESS: [http::HeaderName; 7] = [HOST, ACCEPT, ACCEPT_ENCODING, USER_AGENT, CONNECTION, RANGE, IF_RANGE];

/// Serves the files of a folder below `/files/`, parts of them too, and remembers who asked for what.
pub(crate) struct FileHost(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    folder: OnceLock<PathBuf>,
    heads: Mutex<Vec<Head>>,
}

/// The head of a request.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// What comes behind the place that all files have in common.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

impl FileHost {
    /// Listens from now on; has something to serve once it has a folder.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { address, folder: OnceLock::new(), heads: Mutex::default() });
        let host = Self(Arc::clone(&shared));
        // Until the process ends.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        let service = service_fn(|request| serve(Arc::clone(&shared), request));
                        // Who goes away in the middle is gone.
                        let _ =
                            Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            });
        });
        host
    }

    pub(crate) fn serve(&self, folder: PathBuf) {
        self.0.folder.set(folder).unwrap();
    }

    /// The URL below which all files are.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/files/", self.0.address)
    }

    /// Where a file is that has this location.
    pub(crate) fn on_disk(&self, location: &str) -> PathBuf {
        self.0.folder.get().unwrap().join(location.strip_prefix(&self.url()).unwrap_or(location))
    }

    /// What was asked about a file that has this location.
    pub(crate) fn asked(&self, location: &str) -> Vec<Head> {
        let path = location.strip_prefix(&self.url()).unwrap_or(location);
        self.all().into_iter().filter(|head| head.path == path).collect()
    }

    /// All that was asked.
    fn all(&self) -> Vec<Head> {
        self.0.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails if anybody has ever told it more than a host of files needs to know, or has asked for anything else.
    pub(crate) fn assert_told_nothing(&self) {
        for head in self.all() {
            let told: Vec<_> = head.headers.keys().filter(|name| !HARMLESS.contains(name)).collect();
            assert!(told.is_empty(), "{told:?} of {head:?}");
            let odd = ["..", "//", "?", "%", ":"].into_iter().find(|odd| head.path.contains(odd));
            assert!(odd.is_none() && !head.path.starts_with('/'), "{head:?}");
            assert_eq!(head.headers[ACCEPT_ENCODING], "identity");
        }
    }
}

async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, _) = request.into_parts();
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let path = target.strip_prefix("/files/").unwrap_or(target).to_owned();
    shared.heads.lock().unwrap_or_else(PoisonError::into_inner).push(Head {
        method: head.method.clone(),
        path: path.clone(),
        headers: head.headers.clone(),
    });
    let ask = async |range: bool| {
        let mut request = Request::builder().method(&head.method).uri(format!("/{path}"));
        request.headers_mut().unwrap().extend(head.headers.get(RANGE).filter(|_| range).map(|it| (RANGE, it.clone())));
        let folder = shared.folder.get().cloned().unwrap_or_default();
        ServeDir::new(folder).try_call(request.body(()).unwrap()).await.unwrap()
    };
    let answer = ask(true).await;
    // This one knows parts, but not under which condition they are of use.
    let changed =
        head.headers.get(IF_RANGE).is_some_and(|version| answer.headers().get(LAST_MODIFIED) != Some(version));
    Ok(if answer.status() == StatusCode::PARTIAL_CONTENT && changed { ask(false).await } else { answer })
}
