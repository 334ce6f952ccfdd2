//! What a path is about.

use percent_encoding::percent_decode_str;

use crate::resource::Kind;
use crate::testing::memory_server::answer::Answer;

/// A list, or an object in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The ids on the way to the list, and the names between them.
    segments: Vec<String>,
    pub(super) id: Option<String>,
    pub(super) kind: Kind,
}

impl Place {
    /// Of a path below the root of the API.
    pub(super) fn of(path: &str) -> Result<Self, Answer> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        let segments: Result<Vec<String>, _> = path.split('/').skip(1).map(decode).collect();
        let mut segments = segments.map_err(|_| Answer::unknown())?;
        let is_id = |id: &String| !id.is_empty() && !id.contains('/');
        if segments.iter().skip(1).step_by(2).any(|id| !is_id(id)) {
            return Err(Answer::unknown());
        }
        let names: Vec<&str> = segments.iter().step_by(2).map(String::as_str).collect();
        let kind = match names[..] {
            ["buckets"] => Kind::Bucket,
            ["buckets", "groups"] => Kind::Group,
            ["buckets", "collections"] => Kind::Collection,
            ["buckets", "collections", "records"] => Kind::Record,
            _ if is_of_a_plugin(&names) => return Err(Answer::not_modelled(path)),
            _ => return Err(Answer::unknown()),
        };
        let id = if segments.len().is_multiple_of(2) { segments.pop() } else { None };
        if let Some(id) = &id {
            check_id(id).map_err(|why| Answer::invalid("path", None, why))?;
        }
        Ok(Self { segments, id, kind })
    }

    /// The list, in a form in which what is in an object begins as it does.
    pub(super) fn list(&self) -> String {
        "/".to_owned() + &self.segments.join("/")
    }

    pub(super) fn bucket(&self) -> Option<&str> {
        self.segments.get(1).map(String::as_str).or(self.id.as_deref())
    }

    /// The same in another bucket.
    pub(super) fn set_bucket(&mut self, id: String) {
        match self.segments.get_mut(1) {
            Some(bucket) => *bucket = id,
            None => self.id = Some(id),
        }
    }

    /// The objects that this is in, outermost first.
    pub(super) fn parents(&self) -> Vec<Self> {
        let of = |length: usize, kind| Self {
            segments: self.segments[..length].to_vec(),
            id: self.segments.get(length).cloned(),
            kind,
        };
        match self.kind {
            Kind::Bucket | Kind::Account => vec![],
            Kind::Collection | Kind::Group => vec![of(1, Kind::Bucket)],
            Kind::Record => vec![of(1, Kind::Bucket), of(3, Kind::Collection)],
        }
    }

    /// What the server calls such an object.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Bucket => "bucket",
            Kind::Collection => "collection",
            Kind::Group => "group",
            Kind::Record => "record",
            Kind::Account => "account",
        }
    }
}

/// Whether the names in a path are those of something that Kinto or its plugins have.
fn is_of_a_plugin(names: &[&str]) -> bool {
    let within = ["attachment", "changeset", "history", "snapshot"];
    let beside = [
        "__api__",
        "__broadcasts__",
        "__counters__",
        "__flush__",
        "__user_data__",
        "__version__",
        "accounts",
        "admin",
        "contribute.json",
        "openid",
        "permissions",
    ];
    match names {
        ["buckets", rest @ ..] => rest.iter().any(|name| within.contains(name)),
        [first, ..] => beside.contains(first),
        [] => false,
    }
}

pub(super) fn check_id(id: &str) -> Result<(), &'static str> {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let begins_well = id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if begins_well && id.bytes().all(rest) { Ok(()) } else { Err("Invalid object id") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_modelled_is_told_apart_from_what_nobody_knows() {
        for path in [
            "/accounts/me",
            "/permissions",
            "/__version__",
            "/openid/a/login",
            "/buckets/b/history",
            "/buckets/b/snapshot/collections/c@7",
            "/buckets/b/collections/c/changeset",
            "/buckets/b/collections/c/records/r/attachment",
        ] {
            let answer = Place::of(path).unwrap_err();
            assert_eq!(answer.status, 501, "{path}");
            let told = answer.body.unwrap()["message"].to_string();
            assert!(told.contains("MemoryServer") && told.contains(path), "{told}");
        }
        for path in
            ["/", "/nothing", "/buckets/b/nothing", "/buckets//collections", "/buckets/b/collections/c/records/r/x"]
        {
            assert_eq!(Place::of(path).unwrap_err().status, 404, "{path}");
        }
    }
}
