//! What counts is what is there in the end.

use kinto_blocking::testing::MemoryServer;
use kinto_blocking::{Client, EVERYONE, Resource, bucket, buckets};
use kinto_examples::Todo;
use serde_json::json;

use crate::{dump_edit_load, follow, pour, quickstart, quickstart_async};

/// A server with an empty collection.
fn server() -> (MemoryServer, Client, Resource) {
    let server = MemoryServer::new();
    let client = Client::testing(&server);
    client.send(buckets().create("home", &json!({}))).unwrap();
    client.send(bucket("home").collections().create("todos", &json!({}))).unwrap();
    (server, client, bucket("home").collection("todos").records())
}

#[test]
fn the_tour_leaves_nothing_but_an_empty_collection() {
    let server = MemoryServer::new();
    let client = Client::testing(&server);
    client.send(buckets().create("home", &json!({}))).unwrap();
    quickstart::tour(&client, &bucket("home")).unwrap();
    let todos = client.send(bucket("home").collections().get("todos")).unwrap();
    assert_eq!(todos.permissions.unwrap().of("read").collect::<Vec<_>>(), [EVERYONE]);
    assert_eq!(client.send(bucket("home").collection("todos").records().count()).unwrap(), 0);
}

#[tokio::test]
async fn the_tour_on_tokio_asks_for_the_same() {
    let seen = |server: &MemoryServer| server.seen().iter().map(ToString::to_string).collect::<Vec<_>>();
    let server = MemoryServer::new();
    let client = kinto_async::Client::testing(&server);
    client.send(buckets().create("home", &json!({}))).await.unwrap();
    quickstart_async::tour(&client, &bucket("home")).await.unwrap();
    assert_eq!(client.send(bucket("home").collection("todos").records().count()).await.unwrap(), 0);
    assert!(seen(&server).contains(&"PUT /buckets/home/collections/todos/records/milk: 412".to_owned()));
}

#[test]
fn a_copy_follows() {
    let (_, client, records) = server();
    let todos = records.typed::<Todo>();
    let todo = |title: &str| Todo { title: title.to_owned(), done: false, priority: 1 };
    let mut state = follow::State::default();
    let titles =
        |state: &follow::State| state.copy.iter().map(|(id, todo)| format!("{id}: {}", todo.title)).collect::<Vec<_>>();
    client.send(todos.create("milk", &todo("Buy milk"))).unwrap();
    client.send(todos.create("nap", &todo("Take a nap"))).unwrap();
    follow::update(&client, &todos, &mut state).unwrap();
    assert_eq!(titles(&state), ["milk: Buy milk", "nap: Take a nap"]);

    client.send(todos.modify("milk", |todo| todo.title = "Buy oat milk".to_owned())).unwrap();
    client.send(todos.delete("nap")).unwrap();
    follow::update(&client, &todos, &mut state).unwrap();
    assert_eq!(titles(&state), ["milk: Buy oat milk"]);
    let cursor = state.cursor.clone();
    follow::update(&client, &todos, &mut state).unwrap();
    assert_eq!((titles(&state), state.cursor), (vec!["milk: Buy oat milk".to_owned()], cursor));

    client.send(bucket("home").collections().delete("todos")).unwrap();
    client.send(bucket("home").collections().create("todos", &json!({}))).unwrap();
    let mut state = follow::State { cursor: state_cursor(&client, &todos), ..Default::default() };
    follow::update(&client, &todos, &mut state).unwrap();
    assert!(titles(&state).is_empty());
}

/// Where somebody is who has just read all of it.
fn state_cursor(client: &Client, todos: &Resource<Todo>) -> String {
    let mut state = follow::State::default();
    follow::update(client, todos, &mut state).unwrap();
    state.cursor
}

#[test]
fn what_is_no_record_is_not_poured() {
    let (server, client, records) = server();
    let lines =
        "{\"id\": \"a\", \"n\": 1}\n{\"id\": \"no good\"}\n{\"id\": \"b\", \"n\": 2}\nnot JSON\n{\"id\": \"c\"}\n";
    pour::pour(&client, &records, lines.as_bytes()).unwrap();
    let listed = client.send(records.list().sort("id")).unwrap().items;
    assert_eq!(listed.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);

    let writes = |server: &MemoryServer| server.seen().iter().filter(|seen| seen.method == "PUT").count();
    let before = writes(&server);
    pour::pour(&client, &records, &b"{\"id\": \"a\", \"n\": 1}\n"[..]).unwrap();
    assert_eq!(writes(&server), before, "what is there already is not written");
}

#[test]
fn what_was_dumped_is_loaded_and_what_was_edited_as_well() {
    let server = MemoryServer::new();
    let client = Client::testing(&server);
    client.send(buckets().create("blog", &json!({}))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    dump_edit_load::tour(&client, "blog", "copy", &folder.path().join("dump.ndjson")).unwrap();
    let engines = bucket("copy").collection("search-config").records();
    assert_eq!(client.send(engines.get("goose")).unwrap().data["name"], "Swan");
    let duck = client.send(engines.get("duck")).unwrap();
    assert_eq!(duck.permissions.unwrap().of("read").collect::<Vec<_>>(), [EVERYONE]);
    let there = bucket("blog").collection("search-config").records();
    assert_eq!(client.send(there.get("goose")).unwrap().data["name"], "Goose");
}
