//! Accounts of a server that keeps them itself.

use std::fmt;

use http::Method;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::call::{Call, Class, Precondition};
use crate::decode;
use crate::endpoints;
use crate::error::{Error, Result};
use crate::flows::List;
use crate::json;
use crate::object::{JsonMap, Object};
use crate::operation::Operation;
use crate::operations::{Delete, DeleteIfPresent, Get, PatchObject};
use crate::patch::{Attributes, Envelope};
use crate::path::Path;
use crate::reply::Reply;
use crate::resource::{Kind, Resource, call};
use crate::session::Session;

/// The accounts of the server, where it keeps them itself. Needs the plugin `accounts`.
///
/// An account is seen by its owner and by administrators.
///
/// ```
/// use kinto_protocol::accounts;
///
/// let sign_up = accounts().create("alexis", "p4ssw0rd"); // by anybody, without credentials
/// let change = accounts().change_password("alexis", "p4ssw0rd!"); // by alexis
/// # let _ = (sign_up, change);
/// ```
#[must_use]
pub fn accounts() -> Accounts {
    Accounts(Resource::new(endpoints::accounts(), Kind::Account))
}

/// The accounts of the server, see [`accounts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts(Resource<AccountData>);

impl Accounts {
    /// Creates an account, if there is none of that name.
    ///
    /// If the answer to the first attempt is lost and the repeat finds the account, nobody can tell whose it is: that is an
    /// error which [may have been applied](crate::Error::maybe_applied), and credentials that work are the proof.
    #[must_use]
    pub fn create(&self, name: &str, password: &str) -> CreateAccount {
        CreateAccount {
            path: self.0.object_path(name),
            password: Zeroizing::new(password.to_owned()),
            data: Ok(JsonMap::new()),
        }
    }

    /// Gives an account another password. The old one is not valid any more from then on.
    #[must_use]
    pub fn change_password(&self, name: &str, password: &str) -> ChangePassword {
        ChangePassword { path: self.0.object_path(name), password: Zeroizing::new(password.to_owned()) }
    }

    /// Reads an account: one's own, or as an administrator anybody's. Anybody else's is a 403 or a 401.
    #[must_use]
    pub fn get(&self, name: &str) -> Get<AccountData> {
        self.0.get(name)
    }

    /// Lists the accounts that the caller may see, which is mostly the own one.
    #[must_use]
    pub fn list(&self) -> List<Object<AccountData>> {
        self.0.list()
    }

    /// Changes what else is kept with an account. The password stays.
    #[must_use]
    pub fn patch(&self, name: &str, patch: Attributes) -> PatchObject<AccountData, Attributes> {
        self.0.patch(name, patch)
    }

    /// Deletes an account. What belongs to it stays.
    #[must_use]
    pub fn delete(&self, name: &str) -> Delete {
        self.0.delete(name)
    }

    /// Deletes an account if it is there.
    #[must_use]
    pub fn delete_if_present(&self, name: &str) -> DeleteIfPresent {
        self.0.delete_if_present(name)
    }
}

/// What is kept with an account, but for the password, of which the server shows a hash that nobody is to see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccountData {
    /// All fields but the password.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl<'de> Deserialize<'de> for AccountData {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut other = JsonMap::deserialize(from)?;
        other.remove("password");
        Ok(Self { other })
    }
}

/// Creates an account, see [`Accounts::create`].
#[derive(Clone, PartialEq)]
pub struct CreateAccount {
    path: Path,
    password: Zeroizing<String>,
    data: Result<JsonMap, String>,
}

impl CreateAccount {
    /// With more that is to be kept with it.
    #[must_use]
    pub fn data<D: Serialize + ?Sized>(mut self, data: &D) -> Self {
        let members = json::to_bytes(data).map_err(|error| error.to_string());
        self.data = members.and_then(|text| json::read(&text).map_err(|error| error.to_string()));
        self
    }
}

impl Operation for CreateAccount {
    type Output = Object<AccountData>;

    fn call(&self, _: &Session) -> Result<Call> {
        let mut data = self.data.clone().map_err(Error::input)?;
        data.insert("password".to_owned(), self.password.as_str().into());
        let body = Envelope::data(&data).body()?;
        Ok(call(Method::PUT, &self.path, Precondition::Absent).json_body(body).secret(&self.password))
    }

    fn parse(&self, reply: &Reply) -> Result<Object<AccountData>> {
        reply.json_with(decode::object)
    }
}

/// Gives an account another password, see [`Accounts::change_password`].
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePassword {
    path: Path,
    password: Zeroizing<String>,
}

impl Operation for ChangePassword {
    type Output = Object<AccountData>;

    fn call(&self, _: &Session) -> Result<Call> {
        let body = Attributes::new(&serde_json::json!({"password": &*self.password})).0.body()?;
        // A PUT would drop what else is kept with it.
        let patch = call(Method::PATCH, &self.path, Precondition::None).class(Class::Repeatable);
        Ok(patch.json_body(body).secret(&self.password))
    }

    fn parse(&self, reply: &Reply) -> Result<Object<AccountData>> {
        reply.json_with(decode::object)
    }
}

/// Without the password.
impl fmt::Debug for CreateAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateAccount").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Without the password.
impl fmt::Debug for ChangePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangePassword").field("path", &self.path).finish_non_exhaustive()
    }
}
