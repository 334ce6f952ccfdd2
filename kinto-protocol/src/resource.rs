//! Lists of objects, and the verbs of the objects in them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::{bucket, buckets};
use crate::call::{Call, Precondition};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::flows::{DeleteAll, GetChanges, GetOrCreate, List, Modify, Share};
use crate::group::GroupData;
use crate::id::{Grammar, IdRule};
use crate::object::{JsonMap, Object};
use crate::object_ref::ObjectRef;
use crate::operations::{Count, Delete, DeleteIfPresent, Exists, Get, Head, ListTimestamp, PatchObject, Put};
use crate::patch::{Envelope, Patch};
use crate::path::Path;
use crate::permissions::Permissions;
use crate::sync::{PlanSync, Survey, Wanted};

/// What a resource is made of. The server's rules differ a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bucket,
    Collection,
    Group,
    Record,
    Account,
}

/// A list of objects and the objects in it: the buckets, the collections or groups of a bucket, or the records of a
/// collection. All four have the same verbs; a verb makes an operation, and a client sends it.
///
/// `T` is the type of the objects' data: any type that serde can read, a JSON map unless said otherwise. Where an
/// object is named, an id will do, and so does an [`Object`] read before: a write then has the precondition that it
/// was not changed since.
///
/// ```
/// use kinto_protocol::bucket;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Todo {
///     title: String,
/// }
///
/// let todos = bucket("default").collection("todos").records().typed::<Todo>();
/// let create = todos.create("milk", &Todo { title: "Buy milk".into() }); // only if there is none of that id
/// let delete = todos.delete("milk");
/// # let _ = (create, delete);
/// ```
pub struct Resource<T = JsonMap> {
    /// Shared with all operations that are made of it.
    path: Arc<Path>,
    kind: Kind,
    of: PhantomData<fn() -> T>,
}

impl Resource {
    /// The list of this path, as it was written down.
    pub(crate) fn parse(path: &str) -> Result<Self> {
        let wrong = || Error::input(format!("\"{}\" is not the path of a list", path.escape_debug()));
        let segment = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| wrong());
        let segments: Vec<String> = path.split('/').skip(1).map(segment).collect::<Result<_>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let resource = match segments[..] {
            ["buckets", id, "collections", collection, "records"] => bucket(id).collection(collection).records(),
            ["buckets", id, "collections"] => bucket(id).collections(),
            ["buckets", id, "groups"] => bucket(id).groups().typed(),
            ["buckets"] => buckets(),
            _ => return Err(wrong()),
        };
        resource.path.check(IdRule::Wide)?;
        if resource.path.as_str() == path { Ok(resource) } else { Err(wrong()) }
    }
}

impl<T> Resource<T> {
    pub(crate) fn new(path: Path, kind: Kind) -> Self {
        Self { path: Arc::new(path), kind, of: PhantomData }
    }

    /// The path of the list below the root of the API, such as `/buckets/blog/collections`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of one of its objects below the root of the API. Whether the id may be sent is looked at when it is.
    #[must_use]
    pub fn object_path(&self, id: &str) -> Path {
        self.path.object(id, self.grammar())
    }

    /// The same objects with data of another type: what is read is read into it, and fields that it does not know are left out.
    /// Nothing is asked of the server.
    #[must_use]
    pub fn typed<U>(&self) -> Resource<U> {
        Resource { path: Arc::clone(&self.path), kind: self.kind, of: PhantomData }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    fn grammar(&self) -> Grammar {
        if self.kind == Kind::Account { Grammar::Account } else { Grammar::Object }
    }
}

impl<T: DeserializeOwned + Send> Resource<T> {
    /// Reads an object (`GET`). The output is an [`Object`], with its permissions where the caller may see them.
    ///
    /// If there is none of that id, it is an error, [`is_not_found`](crate::Error::is_not_found); in a bucket that does not
    /// exist it is [`is_forbidden`](crate::Error::is_forbidden), as for what is hidden from the caller.
    ///
    /// ```
    /// use kinto_protocol::{Session, bucket};
    ///
    /// let get = bucket("blog").collection("posts").records().get("hello").fields(["title", "author.name"]);
    /// let request = Session::builder("https://kinto.example/v1").build()?.request(&get)?; // what would be sent
    /// assert_eq!(request.uri().path(), "/v1/buckets/blog/collections/posts/records/hello");
    /// # Ok::<(), kinto_protocol::Error>(())
    /// ```
    #[must_use]
    pub fn get(&self, object: impl Into<ObjectRef>) -> Get<T> {
        Get::new(self.object_path(&object.into().id))
    }

    /// Asks when an object was last changed, without reading it (`HEAD`). The output is a [`Timestamp`](crate::Timestamp), in
    /// milliseconds; errors are those of [`get`](Self::get).
    #[must_use]
    pub fn head(&self, object: impl Into<ObjectRef>) -> Head {
        Head::new(self.object_path(&object.into().id))
    }

    /// Asks whether an object is there (`HEAD`). The output is `false` for a 404 alone: what is hidden from the caller, and a
    /// bucket that does not exist, are an error, [`is_forbidden`](crate::Error::is_forbidden).
    #[must_use]
    pub fn exists(&self, object: impl Into<ObjectRef>) -> Exists {
        Exists::new(self.object_path(&object.into().id))
    }

    /// Reads the list (`GET`): all of it when sent as it is, page by page or one by one through the `pages` and `items` of a
    /// client. Sent, it is a [`Listing`](crate::Listing), the newest first unless it is sorted; an empty one is no error.
    ///
    /// ```
    /// use kinto_protocol::{bucket, field};
    ///
    /// let todos = bucket("default").collection("todos").records();
    /// let urgent = todos.list().filter(field("done").eq(false)).filter(field("due").has(true)).sort("due").limit(10);
    /// # let _ = urgent;
    /// ```
    #[must_use]
    pub fn list(&self) -> List<Object<T>> {
        List::new(Path::clone(&self.path))
    }

    /// Reads what changed since a [`Cursor`](crate::Cursor): what is new, what is different, and what is gone. An empty cursor
    /// has seen nothing, so that everything is new to it.
    ///
    /// Nothing is missed and nothing told twice, even while others write: see the
    /// [guarantees](crate::guarantees#following-changes). Where that needs all to be read again, the changes say so, and why.
    /// When nothing changed for a while, it is one small request.
    ///
    /// A copy that is kept up to date, by a program that is run now and then:
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use kinto_protocol::{Cursor, Entry, Flow, Object, Result, bucket};
    /// # fn example(client: impl Client, copy: &mut HashMap<String, Object>) -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let todos = bucket("default").collection("todos").records();
    /// let cursor = Cursor::from(std::fs::read_to_string("cursor").unwrap_or_default().as_str());
    ///
    /// let changes = client.send(todos.changes(&cursor))?;
    /// if changes.is_full() {
    ///     copy.clear();
    /// }
    /// for change in changes.items {
    ///     match change {
    ///         Entry::Live(record) => copy.insert(record.id.clone(), record),
    ///         Entry::Deleted(record) => copy.remove(&record.id),
    ///     };
    /// }
    /// std::fs::write("cursor", changes.cursor.to_string())?;
    /// # Ok(())
    /// # }
    /// # trait Client { fn send<F: Flow>(&self, flow: F) -> Result<F::Output>; }
    /// ```
    #[must_use]
    pub fn changes(&self, cursor: &Cursor) -> GetChanges<T> {
        let parent = match self.kind {
            Kind::Record | Kind::Collection | Kind::Group => Some(self.path.parent()),
            Kind::Bucket | Kind::Account => None,
        };
        GetChanges::new(Path::clone(&self.path), parent, cursor)
    }

    /// Counts the objects, deleted ones aside (`HEAD`): all of them, or those that meet its [filters](Count::filter). The output
    /// is a `u64`.
    #[must_use]
    pub fn count(&self) -> Count {
        Count::new(Path::clone(&self.path))
    }

    /// Asks when anything in the list last changed, deletions too (`HEAD`). The output is a [`Timestamp`](crate::Timestamp), in
    /// milliseconds by the server's clock; of an empty list, whatever the server says.
    #[must_use]
    pub fn timestamp(&self) -> ListTimestamp {
        ListTimestamp::new(Path::clone(&self.path))
    }

    /// Creates an object with an id of the caller's, if there is none of that id (`If-None-Match: *`).
    ///
    /// Of several callers one creates it, and the others get a 412. If the answer to the first attempt is lost, an object
    /// with the very content that was sent is taken for the caller's own: where the *same* content may come from several
    /// callers, as for a lock, put something of one's own into it.
    #[must_use]
    pub fn create<D: Serialize + ?Sized>(&self, id: impl Into<String>, data: &D) -> Put<T> {
        Put::new(self.clone(), Some(id.into()), Precondition::Absent, Envelope::data(data))
    }

    /// Creates an object with a new id (`PUT`, `If-None-Match: *`), a random UUID made on this side: a repeat after a lost answer
    /// makes no second. The id is in the output, an [`Object`].
    ///
    /// A session without a [seed](crate::SessionBuilder::seed) cannot make ids: that is an error of the kind
    /// [`Input`](crate::ErrorKind::Input). Clients have one.
    #[must_use]
    pub fn add<D: Serialize + ?Sized>(&self, data: &D) -> Put<T> {
        Put::new(self.clone(), None, Precondition::Absent, Envelope::data(data))
    }

    /// Creates an object, or reads the one that has this id, as it is. The output says [which](crate::GetOrCreated), so that
    /// nothing is overwritten and nobody has to handle a 412.
    ///
    /// ```
    /// use kinto_protocol::buckets;
    /// use serde_json::json;
    ///
    /// let blog = buckets().get_or_create("blog", &json!({})); // client.send(blog)?.into_object()
    /// # let _ = blog;
    /// ```
    #[must_use]
    pub fn get_or_create<D: Serialize + ?Sized>(&self, id: impl Into<String>, data: &D) -> GetOrCreate<T> {
        let id = id.into();
        GetOrCreate::new(self.create(id.as_str(), data), self.get(id))
    }

    /// Replaces all the data of an object that exists (`If-Match: *`), and of an [`Object`] read before only if it was
    /// not changed since. Its permissions stay, unless some are given. The output is the object as it is then.
    ///
    /// [`overwrite`](Put::overwrite) makes of it what creates or replaces, without looking. A 412,
    /// [`is_precondition_failed`](crate::Error::is_precondition_failed), says that there is none, or that it was changed.
    #[must_use]
    pub fn replace<D: Serialize + ?Sized>(&self, object: impl Into<ObjectRef>, data: &D) -> Put<T> {
        let (id, precondition) = object.into().must_exist();
        Put::new(self.clone(), Some(id), precondition, Envelope::data(data))
    }

    /// Writes back an object that was read and changed, if nobody else changed it since (`If-Match`).
    ///
    /// All its data is replaced: fields that `D` does not know are dropped. To keep them, let `D` have a
    /// `#[serde(flatten)]` map, use a JSON map, or [`patch`](Self::patch). An object that was read with a selection of
    /// fields is refused.
    #[must_use]
    pub fn update<D: Serialize>(&self, object: &Object<D>) -> Put<T> {
        let mut put = self.replace(object, &object.data);
        if object.partial {
            put.refuse(
                "the object was read with a selection of its fields, and would lose the others: patch it instead",
            );
        }
        put
    }

    /// Replaces all the permissions of an object that exists, and leaves its data: permissions that are not named are
    /// emptied, and the caller stays in `write`. To change some only, [`patch`](Self::patch) with
    /// [`Attributes::only_permissions`](crate::Attributes::only_permissions).
    #[must_use]
    pub fn replace_permissions(&self, object: impl Into<ObjectRef>, permissions: Permissions) -> Put<T> {
        let (id, precondition) = object.into().must_exist();
        Put::new(self.clone(), Some(id), precondition, Envelope::permissions(permissions))
    }

    /// Changes parts of an object: with [`Attributes`](crate::Attributes), [`Merge`](crate::Merge) or
    /// [`JsonPatch`](crate::JsonPatch) (`PATCH`). Of an [`Object`] that was read, only if it was not changed since. The output is
    /// the object as it is then.
    ///
    /// ```
    /// use kinto_protocol::{Attributes, Merge, bucket};
    /// use serde_json::json;
    ///
    /// let todos = bucket("default").collection("todos").records();
    /// let set = todos.patch("milk", Attributes::new(&json!({"done": true}))); // also in a batch
    /// let remove = todos.patch("milk", Merge::new(&json!({"due": null}))); // by itself
    /// # let _ = (set, remove);
    /// ```
    #[must_use]
    pub fn patch<P: Patch>(&self, object: impl Into<ObjectRef>, patch: P) -> PatchObject<T, P> {
        PatchObject::new(self, object.into(), patch)
    }

    /// Reads an object, changes it and writes it back, if nobody else changed it meanwhile (`If-Match`). If somebody did,
    /// it is read and changed again, as often as [`Policy::conflicts`](crate::Policy::conflicts) says.
    ///
    /// Only what was changed is written: fields at the top that `T` does not know stay, and so do the permissions. What
    /// changes nothing writes nothing. It is never applied twice: when an answer was lost, the object is read once more, and
    /// if the change would change it again, nobody knows whether it has before: that is an error, which [may have been
    /// applied](crate::Error::maybe_applied).
    ///
    /// ```
    /// # use kinto_protocol::bucket;
    /// # let counters = bucket("b").collection("c").records();
    /// let count = counters.modify("visits", |data| {
    ///     let visits = data["visits"].as_u64().unwrap_or_default();
    ///     data["visits"] = (visits + 1).into();
    /// });
    /// # let _ = count;
    /// ```
    #[must_use]
    pub fn modify<F: FnMut(&mut T) + Send>(&self, id: impl Into<String>, change: F) -> Modify<T, F>
    where
        T: Serialize,
    {
        Modify::new(self.clone(), id.into(), change)
    }

    /// Deletes an object and all that is in it (`DELETE`): of an [`Object`] that was read, only if it was not changed since. The
    /// output is its [`Tombstone`](crate::Tombstone).
    ///
    /// If it is not there, that is an error, [`is_not_found`](crate::Error::is_not_found):
    /// [`delete_if_present`](Self::delete_if_present) takes it for an answer.
    #[must_use]
    pub fn delete(&self, object: impl Into<ObjectRef>) -> Delete {
        Delete::new(self, object.into())
    }

    /// Deletes an object if it is there. The output, a [`Deletion`](crate::Deletion), says whether it was. Of a bucket the server
    /// does not tell whether it is not there, or is somebody else's: then it says that.
    #[must_use]
    pub fn delete_if_present(&self, object: impl Into<ObjectRef>) -> DeleteIfPresent {
        DeleteIfPresent::new(self.delete(object), self.kind)
    }

    /// Deletes all the objects of the list, or those that meet its [filters](DeleteAll::filter), page by page. The output are the
    /// tombstones of those that were deleted; what the caller may not write stays, without an error.
    ///
    /// ```
    /// use kinto_protocol::{bucket, field};
    ///
    /// let todos = bucket("default").collection("todos").records();
    /// let tidy_up = todos.delete_all().filter(field("done").eq(true));
    /// # let _ = tidy_up;
    /// ```
    #[must_use]
    pub fn delete_all(&self) -> DeleteAll {
        DeleteAll::new(Path::clone(&self.path))
    }
}

impl<T> Resource<T> {
    /// Reads the list, to plan how to make it what it is [wanted](Wanted) to be: what is to be created, updated and deleted.
    /// Nothing is changed by that; the [`Plan`](crate::Plan) is looked at, and applied.
    ///
    /// Compared is the data alone, without what the server makes of its own; what is as it is wanted is not written.
    ///
    /// ```
    /// # use kinto_protocol::{Flow, Plan, Report, Result, bucket};
    /// # use serde_json::json;
    /// # fn example(client: impl Client) -> Result<()> {
    /// let todos = bucket("default").collection("todos").records();
    /// let wanted = [("milk", json!({"title": "Buy milk"})), ("eggs", json!({"title": "Boil eggs"}))];
    ///
    /// let plan = client.send(todos.sync(wanted))?; // reads only
    /// println!("{plan}"); // 1 to create, 1 to update, 2 to delete
    /// let report = client.send(plan.apply())?; // conditional, in batches
    /// println!("{report}"); // 4 done
    /// # Ok(())
    /// # }
    /// # trait Client { fn send<F: Flow>(&self, flow: F) -> Result<F::Output>; }
    /// ```
    pub fn sync<I>(&self, wanted: I) -> PlanSync<I::IntoIter>
    where
        I: IntoIterator<Item: Into<Wanted>, IntoIter: Send>,
    {
        PlanSync::new(Survey::new(self), wanted.into_iter())
    }

    /// The first half of [`sync`](Self::sync): reads the list. What is wanted is told to the [`Planner`](crate::Planner) that
    /// this gives, one by one.
    pub fn survey(&self) -> Survey {
        Survey::new(self)
    }

    /// Gives these permissions too, and keeps all others. Only for those who see the permissions of the object, as what is
    /// not visible cannot be kept: that is an error before anything is changed.
    ///
    /// ```
    /// use kinto_protocol::{EVERYONE, Permissions, bucket};
    ///
    /// let posts = bucket("blog").collection("posts").records();
    /// let publish = posts.share("hello", Permissions::new().read([EVERYONE]));
    /// let withdraw = posts.unshare("hello", Permissions::new().read([EVERYONE]));
    /// # let _ = (publish, withdraw);
    /// ```
    #[must_use]
    pub fn share(&self, id: impl Into<String>, permissions: Permissions) -> Share {
        Share::new(self, id.into(), true, permissions)
    }

    /// Takes these permissions away, and keeps all others; see [`share`](Self::share).
    #[must_use]
    pub fn unshare(&self, id: impl Into<String>, permissions: Permissions) -> Share {
        Share::new(self, id.into(), false, permissions)
    }
}

// Boxed: an `impl` in these signatures would borrow the address, and operations borrow nothing.
#[allow(clippy::type_complexity, reason = "a name for it would be one more to learn")]
impl Resource<GroupData> {
    /// Adds users to a group, and keeps those who are in it: reads it, and writes it back if anything changes and nobody else
    /// changed it meanwhile, as [`modify`](Self::modify) does. Members are principals of users.
    ///
    /// ```
    /// use kinto_protocol::bucket;
    ///
    /// let welcome = bucket("blog").groups().add_members("staff", ["account:alexis", "account:rita"]);
    /// # let _ = welcome;
    /// ```
    #[must_use]
    pub fn add_members<M: Into<String>>(
        &self,
        group: impl Into<String>,
        members: impl IntoIterator<Item = M>,
    ) -> Modify<GroupData, Box<dyn FnMut(&mut GroupData) + Send>> {
        let members: Vec<String> = members.into_iter().map(Into::into).collect();
        let add: Box<dyn FnMut(&mut GroupData) + Send> = Box::new(move |data| {
            for member in &members {
                if !data.members.contains(member) {
                    data.members.push(member.clone());
                }
            }
        });
        self.modify(group, add)
    }

    /// Takes users out of a group, if they are in it, and keeps the others; see [`add_members`](Self::add_members).
    #[must_use]
    pub fn remove_members<M: Into<String>>(
        &self,
        group: impl Into<String>,
        members: impl IntoIterator<Item = M>,
    ) -> Modify<GroupData, Box<dyn FnMut(&mut GroupData) + Send>> {
        let members: Vec<String> = members.into_iter().map(Into::into).collect();
        let remove: Box<dyn FnMut(&mut GroupData) + Send> =
            Box::new(move |data| data.members.retain(|member| !members.contains(member)));
        self.modify(group, remove)
    }
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        self.typed()
    }
}

impl<T> PartialEq for Resource<T> {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl<T> Eq for Resource<T> {}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({})", self.path)
    }
}

/// A call on one object.
pub(crate) fn call(method: Method, path: &Path, precondition: Precondition) -> Call {
    Call::new(method, path.clone()).precondition(precondition)
}
