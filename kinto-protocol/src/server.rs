//! The server's description of itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::object::JsonMap;

/// What a server is and can do, and who the caller is to it: the answer to [`server_info`](crate::server_info).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self")]
#[non_exhaustive]
pub struct ServerInfo {
    /// The name of the service, `kinto` unless it was given one.
    #[serde(default)]
    pub project_name: Option<String>,
    /// Its version, such as `26.5.0`.
    #[serde(default)]
    pub project_version: Option<String>,
    /// The version of the protocol, such as `1.23`.
    #[serde(default)]
    pub http_api_version: Option<String>,
    /// Where its documentation is.
    #[serde(default)]
    pub project_docs: Option<String>,
    /// What it takes for its own URL. Behind a proxy this may be another than the one to use.
    #[serde(default)]
    pub url: Option<String>,
    /// The day on which the service ends, if there is one.
    #[serde(default)]
    pub eos: Option<String>,
    /// Its settings.
    #[serde(default, deserialize_with = "null_is_default")]
    pub settings: Settings,
    /// Its plugins and their settings, by name. Ask with [`has`](Self::has).
    #[serde(default, deserialize_with = "null_is_default")]
    pub capabilities: BTreeMap<String, JsonMap>,
    /// The caller; `None` without credentials **and with wrong ones**.
    #[serde(default)]
    pub user: Option<User>,
}

impl ServerInfo {
    /// Whether the server has a capability, such as `history` or `attachments`.
    #[must_use]
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains_key(capability)
    }
}

/// The settings a server tells.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// How many requests a batch may hold.
    pub batch_max_requests: BatchLimit,
    /// Whether nothing can be written; a batch is refused as well, even one that only reads.
    pub readonly: bool,
    /// Whether the writer of an object is added to its `write` permission.
    pub explicit_permissions: Option<bool>,
    /// The settings of plugins.
    pub other: JsonMap,
}

/// Not derived: what serde makes of flattened fields is large, and every program would have it.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::of(JsonMap::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Settings {
    fn of(mut other: JsonMap) -> serde_json::Result<Self> {
        let batch_max_requests = other.remove("batch_max_requests").map(BatchLimit::deserialize).transpose()?;
        let mut is = |name| other.remove(name).map_or(Ok(None), Option::<bool>::deserialize);
        let (readonly, explicit_permissions) = (is("readonly")?, is("explicit_permissions")?);
        Ok(Self {
            batch_max_requests: batch_max_requests.unwrap_or_default(),
            readonly: readonly.unwrap_or_default(),
            explicit_permissions,
            other,
        })
    }
}

/// How many requests a batch may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchLimit {
    /// The server does not say.
    #[default]
    Unknown,
    /// As many as one likes: the server says 0 or null.
    Unlimited,
    /// So many.
    AtMost(u64),
}

impl<'de> Deserialize<'de> for BatchLimit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Option::<u64>::deserialize(from)? {
            None | Some(0) => Self::Unlimited,
            Some(count) => Self::AtMost(count),
        })
    }
}

/// Who the caller is to the server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self")]
#[non_exhaustive]
pub struct User {
    /// The user id, such as `account:alexis`: what permissions and groups name.
    pub id: String,
    /// All principals: the user id, the groups, and the two of everybody.
    #[serde(default, deserialize_with = "null_is_default")]
    pub principals: Vec<String>,
    /// The id of the personal bucket, for which `default` is another name.
    #[serde(default)]
    pub bucket: Option<String>,
    /// What the identity provider told of the user.
    #[serde(default)]
    pub profile: Option<Value>,
}

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A struct whose fields may all be missing would otherwise be read from any array as well, `[]` for instance: that is
/// not what a server says of itself.
macro_rules! only_from_an_object {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Object;

                impl<'de> Visitor<'de> for Object {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        <$type>::deserialize(MapAccessDeserializer::new(map))
                    }
                }

                from.deserialize_map(Object)
            }
        }
    )*};
}

only_from_an_object!(ServerInfo, User);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_may_be_missing() {
        let info: ServerInfo = serde_json::from_str("{}").unwrap();
        assert_eq!(info.settings.batch_max_requests, BatchLimit::Unknown);
        assert!(info.user.is_none() && !info.has("history"));
    }

    #[test]
    fn what_is_null_is_not_there() {
        let info: ServerInfo = serde_json::from_str(
            r#"{"url":null,"settings":null,"capabilities":null,"user":{"id":"me","principals":null}}"#,
        )
        .unwrap();
        assert_eq!((info.settings, info.user.unwrap().principals.len()), (Settings::default(), 0));
        assert!(!serde_json::from_str::<Settings>(r#"{"readonly":null}"#).unwrap().readonly);
    }

    #[test]
    fn an_array_is_no_description() {
        for text in ["[]", "[null]", "7", r#"{"user":["me"]}"#, r#"{"settings":[]}"#, r#"{"capabilities":[]}"#] {
            assert!(serde_json::from_str::<ServerInfo>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_of_plugins_stand_beside_those_of_kinto() {
        let settings: Settings =
            serde_json::from_str(r#"{"readonly": true, "explicit_permissions": false, "a.b": [1]}"#).unwrap();
        assert!(settings.readonly && settings.explicit_permissions == Some(false));
        assert_eq!(serde_json::to_string(&settings.other).unwrap(), r#"{"a.b":[1]}"#);
        for wrong in [r#"{"readonly": 1}"#, r#"{"batch_max_requests": "25"}"#, r#"{"batch_max_requests": -1}"#, "[]"] {
            assert!(serde_json::from_str::<Settings>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_limit_of_a_batch() {
        let limit = |text| serde_json::from_str::<Settings>(text).unwrap().batch_max_requests;
        assert_eq!(limit(r#"{"batch_max_requests": 25}"#), BatchLimit::AtMost(25));
        assert_eq!(limit(r#"{"batch_max_requests": 0}"#), BatchLimit::Unlimited);
        assert_eq!(limit(r#"{"batch_max_requests": null}"#), BatchLimit::Unlimited);
        assert_eq!(limit("{}"), BatchLimit::Unknown);
    }
}
