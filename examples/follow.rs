//! A local copy of a collection, brought up to date by what changed since the last time.
//!
//! ```text
//! cargo run --example follow
//! cargo run --example follow -- --server https://kinto.example/v1 --auth USER:PASS
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use kinto_blocking::{Client, Cursor, Entry, Resource, bucket, buckets};
use kinto_examples::{Todo, place, say, title};
use serde_json::json;

/// What is kept between two runs of a program: here in memory, elsewhere in two files.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) cursor: String,
    pub(crate) copy: BTreeMap<String, Todo>,
}

/// The whole of it: what a program that is run now and then does.
pub(crate) fn update(client: &Client, todos: &Resource<Todo>, state: &mut State) -> Result<(), Box<dyn Error>> {
    let changes = client.send(todos.changes(&Cursor::from(state.cursor.as_str())))?;
    if let Some(why) = changes.full {
        say(&format!("everything is read: {why}"));
        state.copy.clear();
    }
    for change in changes.items {
        match change {
            Entry::Live(todo) => {
                say(&format!("+ {:5} {}", todo.id, todo.data.title));
                state.copy.insert(todo.id, todo.data);
            }
            Entry::Deleted(gone) => {
                say(&format!("- {}", gone.id));
                state.copy.remove(&gone.id);
            }
        }
    }
    // Last: what was not kept is told again the next time.
    state.cursor = changes.cursor.to_string();
    say(&format!("{} in the copy", state.copy.len()));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    let client = Client::builder(&place.url).auth(place.auth.clone()).user_agent("follow/1.0").build()?;
    let home = client.send(buckets().add(&json!({"for": "a tour"})))?;
    let told = tour(&client, &home.id);
    client.send(buckets().delete(&home.id))?;
    told
}

fn tour(client: &Client, home: &str) -> Result<(), Box<dyn Error>> {
    let collections = bucket(home).collections();
    client.send(collections.create("todos", &json!({})))?;
    let todos = bucket(home).collection("todos").records().typed::<Todo>();
    let todo = |title: &str| Todo { title: title.to_owned(), done: false, priority: 1 };
    let mut state = State::default();

    title("The first time");
    for (id, title) in [("milk", "Buy milk"), ("mail", "Answer the mail"), ("nap", "Take a nap")] {
        client.send(todos.create(id, &todo(title)))?;
    }
    update(client, &todos, &mut state)?;

    title("When others have changed it");
    client.send(todos.modify("milk", |todo| todo.title = "Buy oat milk".to_owned()))?;
    client.send(todos.create("tea", &todo("Drink tea")))?;
    client.send(todos.delete("nap"))?;
    update(client, &todos, &mut state)?;

    title("When nobody has");
    update(client, &todos, &mut state)?;

    title("When it was deleted and made anew");
    client.send(collections.delete("todos"))?;
    client.send(collections.create("todos", &json!({})))?;
    client.send(todos.create("milk", &todo("Buy milk")))?;
    update(client, &todos, &mut state)
}
