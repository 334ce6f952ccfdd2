//! The Rust of `docs/PYTHON.md`, so that it compiles: each expression of its tables, and its program.
//!
//! Expressions are statements here (`_ = …;`), of things that are given to them. The program is run.

#![allow(dead_code, reason = "they are to compile")]

use std::error::Error as StdError;
use std::time::Duration;

use clap::Parser;
use kinto_blocking::cli::{KintoArgs, ServerArgs};
use kinto_blocking::testing::MemoryServer;
use kinto_blocking::{
    Attachment, Attributes, Auth, Batch, Bucket, Call, Client, EVERYONE, Error, Event, Fetched, GroupData, IdRule,
    Item, JsonMap, JsonPatch, Login, Merge, Method, Object, Outcome, Permissions, Plan, Policy, Precondition,
    RecordFile, Request, Resource, Response, Session, Status, Ticket, Timestamp, Token, Tombstone, TransportError,
    bucket, buckets, endpoints, field, my_permissions, server_info,
};
use serde_json::{Value, json};

const URL: &str = "http://localhost:8888/v1";

type Closure = fn(Request) -> Result<Response, TransportError>;
type Closed = std::io::Error;

/// Something that the expressions are about. They are compiled, and not run.
fn given<T>() -> T {
    panic!("these are compiled, and not run")
}

/// A program of one's own.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    kinto: KintoArgs,
}

/// Another, of which nothing is in a bucket.
#[derive(Debug, Parser)]
struct Placeless {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(serde::Deserialize)]
struct Post {
    title: String,
}

fn client() -> Result<Client, Error> {
    Client::builder(URL).build()
}

fn blog() -> Bucket {
    bucket("blog")
}

fn posts() -> Resource {
    blog().collection("posts").records()
}

fn photo() -> RecordFile {
    blog().collection("posts").attachment("hello")
}

fn data() -> Value {
    json!({})
}

fn wanted() -> [(&'static str, Value); 1] {
    [("hello", data())]
}

async fn the_client() -> Result<(), Box<dyn StdError>> {
    let (url, client, session, posts) = (URL, client()?, given::<Session>(), posts());
    let (wanted, transport) = (wanted(), given::<Closure>());
    let change = |policy: &mut Policy| policy.attempts = 1;
    let (auth, mut outcome, ticket) = (given::<Auth>(), given::<Outcome>(), given::<Ticket<Tombstone>>());
    let (async_client, photo) = (given::<kinto_async::Client>(), photo());
    _ = Client::builder("http://localhost:8888/v1").build()?;
    _ = Client::builder(url).auth(Auth::basic("alexis", "p4ssw0rd"));
    _ = bucket("blog").collection("posts");
    _ = Client::builder(url).header("X-Team", "blog");
    _ = client.with_policy(|policy| policy.limits.total = Duration::from_secs(5));
    _ = client.with_policy(|policy| policy.attempts = 1);
    _ = client.with_policy(|policy| policy.longest_wait = Duration::from_secs(2));
    _ = client.with_policy(|policy| policy.attempts = 3);
    _ = outcome.items();
    _ = posts.sync(wanted);
    _ = Client::with_transport(session, transport);
    _ = client.session();
    _ = client.clone();
    _ = client.with_auth(Some(auth))?;
    _ = client.with_policy(change);
    _ = client.with_header("X-Team", "blog")?;
    _ = server_info();
    _ = endpoints::record("blog", "posts", "hello");
    _ = outcome.take(ticket)?;
    _ = kinto_async::Client::builder(url).build()?;
    _ = async_client.download_file(photo.download(), "copy.jpg").await?;
    Ok(())
}

fn who_one_is() -> Result<(), Box<dyn StdError>> {
    let (client, token, (port, secret)) = (client()?, given::<Token>(), (8080, 1));
    let open = |_: &str| Ok::<(), Closed>(());
    _ = Auth::basic("alexis", "p4ssw0rd");
    _ = "alexis:p4ssw0rd".parse::<Auth>()?;
    _ = Auth::bearer("abc");
    _ = "Bearer+OIDC abc".parse::<Auth>()?;
    _ = Auth::token("Bearer+OIDC", "abc");
    _ = client.login(Login::new().provider("google"), open)?;
    _ = token.auth();
    _ = token.access_token;
    _ = token.token_type;
    _ = Login::new().begin(port, secret);
    _ = client.login(Login::new(), open)?;
    Ok(())
}

fn buckets_groups_and_collections() -> Result<(), Box<dyn StdError>> {
    let (blog, data, changes, object, at) = (blog(), data(), data(), given::<Object>(), given::<Timestamp>());
    _ = buckets().create("blog", &data);
    _ = buckets().add(&data);
    _ = blog.groups().create("staff", &GroupData::of(["account:alexis"]));
    _ = blog.collections().create("posts", &data);
    _ = buckets().create("blog", &data).permissions(Permissions::new().read([EVERYONE]));
    _ = buckets().create("blog", &data).overwrite();
    _ = buckets().get_or_create("blog", &data);
    _ = buckets().get("blog");
    _ = blog.groups().get("staff");
    _ = blog.collections().get("posts");
    _ = blog.collections().get("posts").fields(["schema"]);
    _ = blog.collections().get("posts").if_changed_since(at);
    _ = buckets().replace("blog", &data);
    _ = buckets().update(&object);
    _ = blog.groups().replace("staff", &GroupData::of(["account:alexis"]));
    _ = blog.collections().replace("posts", &data);
    _ = buckets().replace("blog", &data).permissions(Permissions::new().read([EVERYONE]));
    _ = buckets().replace_permissions("blog", Permissions::new());
    _ = buckets().share("blog", Permissions::new().read([EVERYONE]));
    _ = buckets().replace("blog", &data).overwrite();
    _ = buckets().replace("blog", &data).if_match(at);
    _ = buckets().patch("blog", Merge::new(&changes));
    _ = blog.groups().patch("staff", Merge::new(&changes));
    _ = blog.collections().patch("posts", Merge::new(&changes));
    _ = buckets().patch("blog", Attributes::new(&changes));
    _ = buckets().patch(&object, Attributes::new(&changes));
    _ = buckets().patch("blog", Attributes::only_permissions(Permissions::new().read([EVERYONE])));
    _ = buckets().patch("blog", Attributes::new(&changes)).if_match(at);
    _ = buckets().delete("blog");
    _ = blog.groups().delete("staff");
    _ = blog.collections().delete("posts");
    _ = buckets().delete(&object);
    _ = buckets().delete("blog").if_match(at);
    _ = buckets().delete_if_present("blog");
    _ = buckets().list();
    _ = blog.groups().list();
    _ = blog.collections().list();
    _ = buckets().delete_all();
    _ = buckets().delete_all().if_match(at);
    _ = blog.groups().delete_all();
    _ = blog.collections().delete_all();
    Ok(())
}

fn records() -> Result<(), Box<dyn StdError>> {
    let (client, posts, data, changes) = (client()?, posts(), data(), data());
    let (object, at) = (given::<Object>(), given::<Timestamp>());
    let change = |post: &mut JsonMap| post.clear();
    _ = posts.create("hello", &data);
    _ = posts.add(&data);
    _ = posts.create("hello", &data).permissions(Permissions::new().read([EVERYONE]));
    _ = posts.create("hello", &data).overwrite();
    _ = posts.get_or_create("hello", &data);
    _ = posts.get("hello");
    _ = posts.exists("hello");
    _ = posts.typed::<Post>().get("hello");
    _ = posts.get("hello").fields(["title"]);
    _ = posts.get("hello").if_changed_since(at);
    _ = posts.update(&object);
    _ = posts.replace("hello", &data);
    _ = posts.replace("hello", &data).permissions(Permissions::new().read([EVERYONE]));
    _ = posts.replace_permissions("hello", Permissions::new());
    _ = posts.replace("hello", &data).if_match(at);
    _ = posts.replace("hello", &data).overwrite();
    _ = posts.patch("hello", Merge::new(&changes));
    _ = posts.patch("hello", Attributes::new(&changes));
    _ = posts.patch(&object, Attributes::new(&changes));
    _ = posts.modify("hello", change);
    _ = posts.patch("hello", Attributes::new(&changes).permissions(Permissions::new().read([EVERYONE])));
    _ = posts.patch("hello", Attributes::new(&changes)).if_match(at);
    _ = posts.delete("hello");
    _ = posts.delete(&object);
    _ = posts.delete("hello").if_match(at);
    _ = posts.delete_if_present("hello");
    _ = posts.delete_all();
    _ = posts.delete_all().filter(field("draft").eq(true));
    _ = posts.delete_all().if_match(at);
    _ = posts.list();
    _ = client.items(posts.list());
    _ = client.pages(posts.list());
    _ = posts.timestamp();
    Ok(())
}

fn lists() -> Result<(), Box<dyn StdError>> {
    let (client, posts, at) = (client()?, posts(), given::<Timestamp>());
    _ = posts.list().filter(field("votes").min(3));
    _ = posts.list().sort("-votes");
    _ = posts.list().fields(["title"]);
    _ = posts.list().limit(10);
    _ = posts.list().page_size(100);
    _ = posts.list().since(at);
    _ = posts.list().before(at);
    _ = posts.list().with_deleted();
    _ = posts.list().if_changed_since(at);
    _ = client.pages(posts.list().page_size(100)).take(2);
    _ = my_permissions();
    _ = my_permissions().filter(field("resource_name").exclude(["record", "group"]));
    _ = my_permissions().filter(field("bucket_id").eq("blog"));
    Ok(())
}

fn patches() -> Result<(), Box<dyn StdError>> {
    let (posts, changes, patch) = (posts(), data(), given::<Merge>());
    _ = posts.patch("hello", patch);
    _ = Attributes::new(&changes);
    _ = Attributes::only_permissions(Permissions::new().read([EVERYONE]));
    _ = Merge::new(&changes);
    _ = Merge::new(&changes).permissions(Permissions::new().read([EVERYONE]));
    _ = JsonPatch::new().test("/data/votes", 3).replace("/data/votes", 4);
    Ok(())
}

fn batches() -> Result<(), Box<dyn StdError>> {
    let (client, posts, mut batch) = (client()?, posts(), given::<Batch>());
    let (mut outcome, ticket, item) = (given::<Outcome>(), given::<Ticket<Tombstone>>(), given::<Item<'_>>());
    _ = Batch::new();
    _ = Batch::new().requests(10);
    _ = outcome.of(Status::Conflict);
    _ = outcome.of(Status::Missing);
    _ = batch.push(posts.delete("hello"));
    _ = batch.len();
    _ = client.send(&mut batch)?;
    _ = outcome.take(ticket)?;
    _ = outcome.items();
    _ = item.request();
    _ = item.status();
    _ = item.error();
    _ = client.send(batch)?;
    let batch = given::<Batch>();
    _ = batch.into_outcome();
    Ok(())
}

fn history_changesets_and_reviews() -> Result<(), Box<dyn StdError>> {
    let (blog, at) = (blog(), given::<Timestamp>());
    _ = blog.history().list();
    _ = blog.history().list().filter(field("resource_name").eq("record")).limit(10);
    _ = blog.history().purge();
    _ = blog.history().purge().filter(field("resource_name").eq("record"));
    _ = blog.history().purge().if_match(at);
    _ = blog.collection("posts").changeset::<JsonMap>();
    _ = blog.collection("posts").changeset::<JsonMap>().fresh();
    _ = blog.collection("posts").changeset::<JsonMap>().since(at).expected(at);
    _ = blog.collection("posts").review().request("two typos less");
    _ = blog.collection("posts").review().approve();
    _ = blog.collection("posts").review().decline("not yet");
    _ = blog.collection("posts").review().roll_back("never mind");
    _ = blog.collection("posts").review().approve().if_match(at);
    Ok(())
}

fn attachments() -> Result<(), Box<dyn StdError>> {
    let (client, photo, data, bytes) = (client()?, photo(), data(), vec![1, 2, 3]);
    let (fetched, told) = (given::<Fetched>(), |_: u64, _: Option<u64>| {});
    _ = client.upload_file(photo.upload("hello.jpg"), "IMG_0042.jpg")?;
    _ = client.send(photo.upload("hello.jpg").content(bytes))?;
    _ = photo.upload("hello.jpg").data(&data).permissions(Permissions::new().read([EVERYONE]));
    _ = photo.upload("hello.jpg").media_type("image/jpeg");
    _ = client.download_file(photo.download(), "copy.jpg")?;
    _ = client.send(photo.download())?.content;
    _ = client.download_file(photo.download().overwrite(), "copy.jpg")?;
    _ = fetched.attachment;
    _ = photo.download().progress(told);
    _ = photo.remove();
    Ok(())
}

fn errors() -> Result<(), Box<dyn StdError>> {
    let (error, outcome) = (given::<Error>(), given::<Outcome>());
    _ = error.to_string();
    _ = error.kind();
    _ = error.request();
    _ = error.status();
    _ = error.errno();
    _ = error.server();
    _ = error.is_forbidden();
    _ = error.is_not_found();
    _ = error.retry_in();
    _ = outcome.items();
    _ = outcome.stopped();
    _ = outcome.summary().to_string();
    Ok(())
}

fn endpoints_and_requests_of_one_s_own() -> Result<(), Box<dyn StdError>> {
    let (url, auth, client) = (URL, given::<Auth>(), client()?);
    _ = Session::builder(url).auth(auth).build()?;
    _ = Session::builder(url).header("X-Team", "blog").policy(Policy::default());
    _ = client.session().url();
    _ = Call::new(Method::PUT, endpoints::record("blog", "posts", "hello")).json(&json!({"data": {}}))?;
    _ = endpoints::record("blog", "posts", "hello");
    _ = endpoints::root();
    _ = endpoints::batch();
    _ = endpoints::permissions();
    _ = endpoints::buckets();
    _ = endpoints::bucket("blog");
    _ = endpoints::history("blog");
    _ = endpoints::groups("blog");
    _ = endpoints::group("blog", "staff");
    _ = endpoints::collections("blog");
    _ = endpoints::collection("blog", "posts");
    _ = endpoints::records("blog", "posts");
    _ = endpoints::attachment("blog", "posts", "hello");
    _ = endpoints::changeset("blog", "posts");
    Ok(())
}

fn copies_and_comparisons() -> Result<(), Box<dyn StdError>> {
    let (here, there, other) = (blog(), blog(), client()?);
    let (posts, wanted, plan, args) = (posts(), wanted(), given::<Plan>(), given::<ServerArgs>());
    _ = here.copy_to(&there).at(other.session());
    _ = here.copy_to(&there).dry_run();
    _ = args.of_profile("stage").client()?;
    _ = posts.sync(wanted);
    _ = plan.changes();
    _ = plan.unchanged();
    _ = posts.list().sort("name").sort("-last_modified");
    Ok(())
}

fn command_line_programs() -> Result<(), Box<dyn StdError>> {
    let args = given::<KintoArgs>();
    _ = Args::parse().kinto;
    _ = Args::parse().kinto.server;
    _ = args.bucket_id()?.unwrap_or_else(|| "blog".into());
    _ = args.server.retry.unwrap_or(2);
    _ = args.client()?;
    _ = args.records()?;
    _ = args.server.verbosity();
    Ok(())
}

fn small_things() -> Result<(), Box<dyn StdError>> {
    let (url, client, posts, post) = (URL, client()?, posts(), data());
    let (at, object, attachment) = (given::<Timestamp>(), given::<Object>(), given::<Attachment>());
    let (size, sha256, told) = (3, "abc", |_: &Event<'_>| {});
    _ = IdRule::Server;
    _ = IdRule::Wide;
    _ = client.session().url();
    _ = at.etag();
    _ = "\"1700000000000\"".parse::<Timestamp>()?;
    _ = Batch::new().requests(10);
    _ = posts.create("hello", &post);
    _ = attachment.is(size, sha256);
    _ = Client::builder(url).user_agent("blog/1.0");
    _ = Permissions::new().grant("record:create", ["account:alexis"]);
    _ = object.id;
    _ = Precondition::Absent;
    _ = MemoryServer::new();
    _ = Client::builder(url).observer(told);
    Ok(())
}

/// The options of the tables, as they are given.
pub(crate) const OPTIONS: &[&[&str]] = &[
    &["", "--server", URL, "--auth", "alexis:p4ssw0rd", "--bucket", "blog", "--collection", "posts"],
    &["", "-s", URL, "-a", "alexis:p4ssw0rd", "-b", "blog", "-c", "posts"],
    &["", "--retry", "2", "--retry-after", "5", "--ignore-batch-4xx"],
    &["", "--verbose"],
    &["", "-v"],
    &["", "--quiet"],
    &["", "-q"],
    &["", "--debug"],
    &["", "-D"],
];

#[test]
fn the_options_are_understood() {
    for words in OPTIONS {
        Args::try_parse_from(*words).unwrap();
    }
    Args::try_parse_from(["", "--no-such-option"]).unwrap_err();
    let bare = Args::try_parse_from([""]).unwrap().kinto;
    assert_eq!((bare.bucket, bare.collection), (None, None));
    let spaces = Args::try_parse_from(["", "-a", "alexis:two words", "-b", "blog"]).unwrap().kinto;
    assert_eq!(spaces.bucket.as_deref(), Some("blog"));
}

#[test]
fn a_program_need_not_have_a_bucket_and_a_collection() {
    Placeless::try_parse_from(["", "-s", URL, "--retry", "1", "-v"]).unwrap();
    for option in ["--bucket", "--collection"] {
        Placeless::try_parse_from(["", option, "blog"]).unwrap_err();
    }
}
