//! The review of changes before they are published.

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::flows::{Transition, WaitUntilSigned};
use crate::object::JsonMap;
use crate::operations::Get;
use crate::path::Path;
use crate::server::ServerInfo;

/// The review of a collection's changes: asked for by editors, approved or declined by reviewers. Needs the plugin
/// `signer`, and belongs to the *source* collection, see [`ServerInfo::review_of`].
///
/// Each step gives the collection as it stands afterwards, read anew: what the server answers to the step itself is
/// already outdated.
///
/// ```
/// use kinto_protocol::bucket;
///
/// let review = bucket("main-workspace").collection("onboarding").review();
/// let request = review.request("two typos less"); // by an editor
/// let approve = review.approve(); // by a reviewer who is not that editor
/// let signed = review.wait_until_signed();
/// # let _ = (request, approve, signed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Review {
    path: Path,
}

impl Review {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.clone().needing("signer") }
    }

    /// Reads how far it has come.
    #[must_use]
    pub fn status(&self) -> Get<ReviewData> {
        Get::new(self.path.clone())
    }

    fn step(&self, status: &'static str, goal: fn(&ReviewStatus) -> bool) -> Transition {
        Transition::new(self.path.clone(), status, goal)
    }

    /// Asks for a review of the changes (`to-review`).
    #[must_use]
    pub fn request(&self, comment: impl Into<String>) -> Transition {
        self.step("to-review", |now| *now == ReviewStatus::ToReview).comment("last_editor_comment", comment.into())
    }

    /// Approves the changes, which are signed and published (`to-sign`): whatever stands there by then, unless it is
    /// told [since when](Transition::if_match) it may not have changed.
    #[must_use]
    pub fn approve(&self) -> Transition {
        self.step("to-sign", |now| *now == ReviewStatus::Signed)
    }

    /// Declines the changes, which stay to be worked on (`work-in-progress`).
    #[must_use]
    pub fn decline(&self, comment: impl Into<String>) -> Transition {
        let step = self.step("work-in-progress", |now| *now == ReviewStatus::WorkInProgress);
        step.comment("last_reviewer_comment", comment.into())
    }

    /// Takes the changes back: the collection is again what is published (`to-rollback`). The comment is kept in the
    /// history alone, as all comments on the changes go with them.
    #[must_use]
    pub fn roll_back(&self, comment: impl Into<String>) -> Transition {
        let step = self.step("to-rollback", |now| *now == ReviewStatus::Signed);
        step.comment("last_editor_comment", comment.into())
    }

    /// Signs what is published anew, whatever is worked on (`to-resign`).
    #[must_use]
    pub fn resign(&self) -> Transition {
        self.step("to-resign", |_| false)
    }

    /// Reads it again and again until it is signed: 30 times, 2 s apart, unless said otherwise.
    #[must_use]
    pub fn wait_until_signed(&self) -> WaitUntilSigned {
        WaitUntilSigned::new(self.status())
    }
}

/// How far the review of a collection has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReviewStatus {
    /// It was changed since it was signed last.
    WorkInProgress,
    /// A review was asked for.
    ToReview,
    /// It was approved, and is being signed.
    ToSign,
    /// What it holds is what is published.
    Signed,
    /// Something this library does not know of.
    #[serde(untagged)]
    Other(String),
}

/// The attributes of a collection under review.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ReviewData {
    /// How far it has come; `None` for a collection that is under no review.
    #[serde(default)]
    pub status: Option<ReviewStatus>,
    /// Who changed it last.
    #[serde(default)]
    pub last_edit_by: Option<String>,
    /// When, in ISO 8601.
    #[serde(default)]
    pub last_edit_date: Option<String>,
    /// What the last who asked for a review said.
    #[serde(default)]
    pub last_editor_comment: Option<String>,
    /// Who asked for a review last.
    #[serde(default)]
    pub last_review_request_by: Option<String>,
    /// When, in ISO 8601.
    #[serde(default)]
    pub last_review_request_date: Option<String>,
    /// Who approved last.
    #[serde(default)]
    pub last_review_by: Option<String>,
    /// When, in ISO 8601.
    #[serde(default)]
    pub last_review_date: Option<String>,
    /// What the last reviewer said.
    #[serde(default)]
    pub last_reviewer_comment: Option<String>,
    /// Who had it signed last.
    #[serde(default)]
    pub last_signature_by: Option<String>,
    /// When, in ISO 8601.
    #[serde(default)]
    pub last_signature_date: Option<String>,
}

/// Where the collections of a review are, see [`ServerInfo::review_of`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReviewPlaces {
    /// Where it is worked on: bucket and collection.
    pub source: (String, String),
    /// Where it can be looked at before it is published.
    pub preview: Option<(String, String)>,
    /// Where it is published.
    pub destination: (String, String),
}

impl ServerInfo {
    /// Where the review of a collection takes place, whether the collection is its source, its preview or its
    /// destination. `None` when it is under no review.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where the server has no plugin `signer`.
    pub fn review_of(&self, bucket: &str, collection: &str) -> Result<Option<ReviewPlaces>, Error> {
        let Some(signer) = self.capabilities.get("signer") else { return Err(Error::missing_plugin("signer", self)) };
        let resources = signer.get("resources").and_then(Value::as_array);
        Ok(resources.into_iter().flatten().find_map(|resource| places(resource, bucket, collection)))
    }
}

/// The places of a collection, if this entry of the capability is about it. A place without a collection stands for all
/// collections of its bucket.
fn places(resource: &Value, bucket: &str, collection: &str) -> Option<ReviewPlaces> {
    let place = |role: &str| {
        let place = resource.get(role)?.as_object()?;
        Some((place.get("bucket")?.as_str()?, place.get("collection").and_then(Value::as_str)))
    };
    let (source, preview, destination) = (place("source")?, place("preview"), place("destination")?);
    let is_it = |(its_bucket, its_collection): &(&str, Option<&str>)| {
        *its_bucket == bucket && its_collection.is_none_or(|it| it == collection)
    };
    [Some(source), preview, Some(destination)].iter().flatten().any(is_it).then(|| {
        let whole = |(bucket, its): (&str, Option<&str>)| (bucket.to_owned(), its.unwrap_or(collection).to_owned());
        ReviewPlaces { source: whole(source), preview: preview.map(whole), destination: whole(destination) }
    })
}

/// The body of a step.
pub(crate) fn step_data(status: &str, comment: Option<&(&'static str, String)>) -> JsonMap {
    let mut data = JsonMap::new();
    data.insert("status".to_owned(), status.into());
    if let Some((name, comment)) = comment {
        data.insert((*name).to_owned(), comment.as_str().into());
    }
    data
}
