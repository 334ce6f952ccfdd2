//! The program of `docs/PYTHON.md`, in both languages, against a server: they do the same.

use std::cell::RefCell;
use std::process::Command;

use kinto_blocking::{Auth, Client, accounts, bucket, buckets};
use kinto_tests::{Backend, KintoServer};

use crate::markdown;
use crate::python::{DOCUMENT, without_spaces};

thread_local! {
    static PRINTED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What is printed is compared.
macro_rules! println {
    ($($told:tt)*) => {
        PRINTED.with_borrow_mut(|printed| *printed += &format!("{}\n", format!($($told)*)))
    };
}

mod in_rust {
    use super::PRINTED;
    use kinto_blocking::{Attributes, Auth, Batch, Client, Error, bucket, buckets};
    use serde_json::json;

    pub(super) fn program(server: &str) -> Result<(), Error> {
        let client = Client::builder(server).auth(Auth::basic("alexis", "p4ssw0rd")).build()?;
        client.send(buckets().get_or_create("blog", &json!({})))?;
        client.send(bucket("blog").collections().get_or_create("posts", &json!({})))?;
        let posts = bucket("blog").collection("posts").records();

        let mut post = client.send(posts.create("hello", &json!({"title": "Hello", "votes": 1})))?;
        post.data["title"] = "Hello, world".into();
        client.send(posts.update(&post))?; // refused if somebody changed it meanwhile
        client.send(posts.patch("hello", Attributes::new(&json!({"votes": 2}))))?;

        let mut batch = Batch::new();
        for number in 0..3 {
            batch.push(
                posts.create(format!("draft-{number}"), &json!({"title": format!("Draft {number}"), "votes": 0})),
            );
        }
        batch.push(posts.delete("draft-1"));
        client.send(batch)?.into_result()?; // or look at each outcome

        for post in client.items(posts.list().sort("-votes").sort("title")) {
            let post = post?;
            println!("{} {} {}", post.id, post.data["title"].as_str().unwrap_or_default(), post.data["votes"]);
        }
        Ok(())
    }
}

#[test]
fn the_program_does_the_same_in_both_languages() {
    let own = include_str!("python_program.rs").split_once("pub(super) fn program").unwrap().1;
    let shown = markdown::block(DOCUMENT, "rust").split_once("fn program").unwrap().1;
    assert!(without_spaces(own).starts_with(&without_spaces(shown)), "the program of the document is another one");

    let server = KintoServer::start(Backend::Memory).unwrap();
    let client = Client::builder(server.url()).build().unwrap();
    client.send(accounts().create("alexis", "p4ssw0rd")).unwrap();
    let alexis = client.with_auth(Some(Auth::basic("alexis", "p4ssw0rd"))).unwrap();

    let program = format!("{}\nprogram({:?})\n", markdown::block(DOCUMENT, "python"), server.url());
    let output = Command::new(Backend::Memory.python().unwrap()).args(["-c", &program]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let in_python = String::from_utf8(output.stdout).unwrap();
    let stored = |client: &Client| {
        let posts = client.send(bucket("blog").collection("posts").records().list().sort("id")).unwrap();
        posts.items.into_iter().map(|post| (post.id, post.data)).collect::<Vec<_>>()
    };
    let by_python = stored(&alexis);
    alexis.send(buckets().delete("blog")).unwrap();

    in_rust::program(server.url()).unwrap();
    assert_eq!(PRINTED.take(), in_python);
    assert_eq!(stored(&alexis), by_python);
    assert_eq!(in_python.lines().count(), 3, "{in_python}");
}
