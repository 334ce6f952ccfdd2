//! A real Kinto: how many round trips many writes take, and how much of the time is the client's.

use kinto_blocking::{Auth, Client, accounts, bucket, buckets};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

use crate::measure::CLIENTS;
use crate::processes::measured;
use crate::work::{Failure, Place};

const WRITES: usize = 5_000;

pub(crate) fn real() -> Result<(), Failure> {
    println!("{WRITES} writes to a Kinto with its memory backend, in batches of 25");
    println!("{:<10}{:>12}{:>10}{:>12}{:>8}", "", "round trips", "seconds", "of that CPU", "MiB");
    for name in CLIENTS {
        // One for each: what a server has already makes it slower.
        let server = KintoServer::start(Backend::Memory)?;
        let anonymous = Client::builder(server.url()).build()?;
        anonymous.send(accounts().create("bench", "a long password"))?;
        let client = anonymous.with_auth(Some(Auth::basic("bench", "a long password")))?;
        client.send(buckets().create("bench", &json!({})))?;
        client.send(bucket("bench").collections().create(name, &json!({})))?;
        let place = Place { url: server.url().to_owned(), collection: name.to_owned() };
        let taken = measured(name, "writes", WRITES, &place)?;
        let (wall, cpu) = (taken.wall.as_secs_f64(), taken.cpu.as_secs_f64());
        let trips = taken.trips.unwrap_or_default();
        println!("{name:<10}{trips:>12}{wall:>10.2}{:>10.2} %{:>8.1}", 100.0 * cpu / wall, taken.peak as f64 / 1024.0);
    }
    Ok(())
}
