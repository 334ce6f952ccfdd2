//! Places on a server, as paths.

use std::fmt;

use kinto_blocking::{Resource, bucket, buckets};

use crate::failure::Failure;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    Bucket(String),
    Groups(String),
    Group(String, String),
    Collection(String, String),
    Record(String, String, String),
}

impl Place {
    /// Of a path; one that does not begin with a slash is within the bucket and the collection that are given.
    pub(crate) fn parse(text: &str, within: (Option<&str>, Option<&str>)) -> Result<Self, Failure> {
        let mut ids: Vec<&str> = match (text.strip_prefix('/'), within) {
            (Some(rest), _) => rest.split('/').collect(),
            (None, (Some(bucket), Some(collection))) if !text.starts_with('@') => {
                [bucket, collection].into_iter().chain(text.split('/')).collect()
            }
            (None, (Some(bucket), _)) => [bucket].into_iter().chain(text.split('/')).collect(),
            (None, (None, _)) => {
                let why = format!("\"{text}\" is no path: it begins with /, or --bucket says where it is");
                return Err(Failure::Usage(why));
            }
        };
        // As of a folder: /blog/ is /blog.
        if ids.last() == Some(&"") {
            ids.pop();
        }
        let wrong = |why: &str| Failure::Usage(format!("\"{text}\" is no path: {why}"));
        if ids.iter().any(|id| id.is_empty()) {
            return Err(wrong("an id in it is empty"));
        }
        let own = |id: &str| id.to_owned();
        match ids[..] {
            [] => Ok(Self::Root),
            [bucket] => Ok(Self::Bucket(own(bucket))),
            [bucket, group] => Ok(match group.strip_prefix('@') {
                Some("") => Self::Groups(own(bucket)),
                Some(group) => Self::Group(own(bucket), own(group)),
                None => Self::Collection(own(bucket), own(group)),
            }),
            [bucket, collection, record] if !collection.starts_with('@') => {
                Ok(Self::Record(own(bucket), own(collection), own(record)))
            }
            _ => Err(wrong("there is nothing within records and groups")),
        }
    }

    /// The list of what is there.
    pub(crate) fn list(&self) -> Result<Resource, Failure> {
        match self {
            Self::Root => Ok(buckets()),
            Self::Bucket(id) => Ok(bucket(id).collections()),
            Self::Groups(id) => Ok(bucket(id).groups().typed()),
            Self::Collection(id, collection) => Ok(bucket(id).collection(collection).records()),
            Self::Group(..) | Self::Record(..) => Err(Failure::Usage(format!("{self} is one object, and no list"))),
        }
    }

    /// So many of what is in its list.
    pub(crate) fn counted(&self, count: u64) -> String {
        let what = match self {
            Self::Root => "bucket",
            Self::Bucket(_) => "collection",
            Self::Groups(_) => "group",
            _ => "record",
        };
        format!("{count} {what}{}", if count == 1 { "" } else { "s" })
    }

    /// The list that the object itself is in, and its id.
    pub(crate) fn object(&self) -> Result<(Resource, &str), Failure> {
        match self {
            Self::Bucket(id) => Ok((buckets(), id)),
            Self::Group(of, id) => Ok((bucket(of).groups().typed(), id)),
            Self::Collection(of, id) => Ok((bucket(of).collections(), id)),
            Self::Record(of, collection, id) => Ok((bucket(of).collection(collection).records(), id)),
            Self::Root | Self::Groups(_) => Err(Failure::Usage(format!("{self} is a list, and no object"))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "/"),
            Self::Bucket(bucket) => write!(f, "/{bucket}"),
            Self::Groups(bucket) => write!(f, "/{bucket}/@"),
            Self::Group(bucket, group) => write!(f, "/{bucket}/@{group}"),
            Self::Collection(bucket, collection) => write!(f, "/{bucket}/{collection}"),
            Self::Record(bucket, collection, record) => write!(f, "/{bucket}/{collection}/{record}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_of_files() {
        let nowhere = (None, None);
        for (path, shown) in [
            ("/", "/"),
            ("/blog", "/blog"),
            ("/blog/", "/blog"),
            ("/blog/@", "/blog/@"),
            ("/blog/@editors", "/blog/@editors"),
            ("/blog/posts/", "/blog/posts"),
            ("/blog/posts/hello", "/blog/posts/hello"),
        ] {
            assert_eq!(Place::parse(path, nowhere).unwrap().to_string(), shown);
        }
        for (path, within, shown) in [
            ("posts", (Some("blog"), None), "/blog/posts"),
            ("posts/hello", (Some("blog"), None), "/blog/posts/hello"),
            ("hello", (Some("blog"), Some("posts")), "/blog/posts/hello"),
            ("", (Some("blog"), Some("posts")), "/blog/posts"),
            ("@editors", (Some("blog"), Some("posts")), "/blog/@editors"),
            ("/other", (Some("blog"), Some("posts")), "/other"),
        ] {
            assert_eq!(Place::parse(path, within).unwrap().to_string(), shown);
        }
        for path in ["", "blog", "//", "/blog//hello", "/a/b/c/d", "/a/@g/c"] {
            assert!(matches!(Place::parse(path, nowhere), Err(Failure::Usage(_))), "{path}");
        }
    }
}
