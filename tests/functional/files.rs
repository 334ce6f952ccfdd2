//! What scenarios about files are given: a server that keeps them on a host of their own, and a folder.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};

use kinto_protocol::{
    AUTHENTICATED, Attachment, Auth, Collection, Error, Event, Object, Permissions, RecordFile, Resource, Result,
    Upload, Uploaded, bucket, buckets,
};
use kinto_tests::KintoServer;
use serde_json::json;
use tempfile::TempDir;

use crate::context::{Kinto, PASSWORD};
use crate::driver::{Driver, Setup};
use crate::file_host::FileHost;

/// The server, the host of its files, and a folder of this scenario's.
pub(crate) struct Files<D> {
    pub(crate) kinto: Kinto<D>,
    pub(crate) host: &'static FileHost,
    /// Alice, who tells the API more than anybody else is to know.
    pub(crate) alice: D,
    tells: mpsc::Receiver<String>,
    records: Resource,
    folder: TempDir,
}

/// A server and the host of its files.
struct Site {
    server: KintoServer,
    host: FileHost,
}

impl Site {
    fn start(kinto: &Kinto<impl Driver>, settings: impl Fn(&str) -> Vec<(&'static str, String)>) -> Self {
        let host = FileHost::start();
        let builder = KintoServer::builder(kinto.backend);
        let settings = settings(&host.url());
        let server = settings.into_iter().fold(builder, |builder, (name, value)| builder.setting(name, value));
        let server = server.start().unwrap();
        // In the server's folder, which goes with it.
        host.serve(server.log().unwrap().with_file_name("attachments"));
        Self { server, host }
    }
}

/// The bucket of which files may have no more than 100 bytes.
pub(crate) const SMALL: &str = "small";

impl<D: Driver> Files<D> {
    pub(crate) fn of(kinto: &Kinto<D>) -> Self {
        static SITES: [OnceLock<Site>; 2] = [const { OnceLock::new() }; 2];
        let site = SITES[usize::from(!kinto.is_memory())].get_or_init(|| {
            let small = ("kinto.attachment.resources.small.max_size_bytes", "100".to_owned());
            Site::start(kinto, |url| vec![("kinto.attachment.base_url", url.to_owned()), small.clone()])
        });
        Self::at(kinto, site)
    }

    /// The same where all files are taken, kept in folders under the names they come with, and nobody is told where that
    /// is.
    pub(crate) fn untold(kinto: &Kinto<D>) -> Self {
        static SITE: OnceLock<Site> = OnceLock::new();
        let settings = |_: &str| {
            vec![
                ("kinto.attachment.base_url", String::new()),
                ("kinto.attachment.extensions", "any".to_owned()),
                ("kinto.attachment.folder", "{bucket_id}/{collection_id}".to_owned()),
                ("kinto.attachment.randomize", "false".to_owned()),
            ]
        };
        Self::at(kinto, SITE.get_or_init(|| Site::start(kinto, settings)))
    }

    /// The same where records say only where files are below a place that the server tells.
    pub(crate) fn relative(kinto: &Kinto<D>) -> Self {
        static SITE: OnceLock<Site> = OnceLock::new();
        let settings = |url: &str| {
            vec![
                ("kinto.attachment.base_url", String::new()),
                ("kinto.attachment.extra.base_url", url.trim_end_matches('/').to_owned()),
            ]
        };
        Self::at(kinto, SITE.get_or_init(|| Site::start(kinto, settings)))
    }

    fn at(kinto: &Kinto<D>, site: &'static Site) -> Self {
        let kinto = Kinto::at(kinto.backend, site.server.url(), &["admin", "alice", "bob"]);
        let (alice, tells) = alice(site.server.url());
        let records = kinto.records();
        let files = Self { kinto, host: &site.host, alice, tells, records, folder: tempfile::tempdir().unwrap() };
        // A plugin is asked for once. That is told elsewhere.
        files.alice.send(files.record("nothing").get()).unwrap_err();
        files.sent();
        files
    }

    /// The file of a record of Alice's.
    pub(crate) fn record(&self, id: &str) -> RecordFile {
        self.kinto.bucket().collection("c").attachment(id)
    }

    pub(crate) fn records(&self) -> &Resource {
        &self.records
    }

    /// A collection of Alice's in the bucket that takes only small files.
    pub(crate) fn small_collection(&self) -> Collection {
        // Whoever comes first makes it, for all.
        let all = Permissions::new().grant("collection:create", [AUTHENTICATED]);
        drop(self.kinto.admin.send(buckets().create(SMALL, &json!({})).permissions(all)));
        let bucket = bucket(SMALL);
        self.alice.send(bucket.collections().create(&self.kinto.id, &json!({}))).unwrap();
        self.sent();
        bucket.collection(&self.kinto.id)
    }

    /// A record with this file.
    pub(crate) fn given(&self, id: &str, name: &str, content: &[u8]) -> Attachment {
        let uploaded = self.alice.send(self.record(id).upload(name).content(content.to_vec())).unwrap();
        self.sent();
        uploaded.attachment
    }

    /// Attaches what a reader gives.
    pub(crate) fn upload_from(&self, upload: Upload, content: impl AsRef<[u8]>) -> Result<Uploaded> {
        loop {
            let uploaded = self.alice.upload_from(upload.clone(), Cursor::new(content.as_ref().to_vec()));
            // All files of a server are in one list of its own, where those that come at the same time meet. What is read
            // only once cannot be sent again by itself.
            if !uploaded.as_ref().is_err_and(Error::is_conflict) {
                return uploaded;
            }
        }
    }

    /// A record as it is.
    pub(crate) fn stored(&self, id: &str) -> Object {
        self.kinto.alice.send(self.records.get(id)).unwrap()
    }

    /// What was answered to Alice since this was asked last: `R` are the records, and `F` is the host of files.
    pub(crate) fn sent(&self) -> Vec<String> {
        let records = format!("/buckets/{}/collections/c/records", self.kinto.id);
        let small = format!("/buckets/{SMALL}/collections/{}/records", self.kinto.id);
        let short = |line: String| {
            let line = line.replace(&records, "R").replace(&small, "S");
            // The names there are made by dice.
            match line.split_once(&self.host.url()) {
                Some((method, rest)) => format!("{method}F{}", rest.get(36..).unwrap_or(rest)),
                None => line,
            }
        };
        // That others came at the same time has nothing to do with any scenario.
        self.tells.try_iter().filter(|line| !line.ends_with(": 409")).map(short).collect()
    }

    /// A place in the folder of this scenario.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in the folder of this scenario.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// All that is in the folder of this scenario.
    pub(crate) fn folder(&self) -> Vec<String> {
        names_in(self.folder.path())
    }

    /// What the host has of this file.
    pub(crate) fn kept(&self, attachment: &Attachment) -> Option<Vec<u8>> {
        fs::read(self.host.on_disk(&attachment.location)).ok()
    }
}

/// The names of all that is in a folder, in alphabetical order.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// Whatever a scenario is about, files are asked for by nobody in particular.
impl<D> Drop for Files<D> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.host.assert_told_nothing();
        }
    }
}

/// Alice by this URL, and what was answered to her.
pub(crate) fn alice<D: Driver>(url: &str) -> (D, mpsc::Receiver<String>) {
    let (told, tells) = mpsc::channel();
    let mut setup = Setup::of(url);
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    setup.headers = vec![("X-Caller".into(), "Alice's own".into()), ("Cookie".into(), "session=1".into())];
    setup.observer = Some(Box::new(move |event: &Event<'_>| {
        if let Event::Answered { request, status } = event {
            let _ = told.send(format!("{request}: {}", status.as_u16()));
        }
    }));
    (D::build(setup).unwrap(), tells)
}
