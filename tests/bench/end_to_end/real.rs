//! A real Kinto: how many round trips many writes take, and how much of the time is the client's.

use kinto_blocking::{Auth, Client, accounts, bucket, buckets};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

use crate::measure::CLIENTS;
use crate::processes::{measured, measured_of};
use crate::python::{PYTHON, Python};
use crate::work::{Failure, Place};

const WRITES: usize = 5_000;

/// A Kinto as it comes takes so many in a batch.
const BATCH: usize = 25;

/// One for each batch, and one to ask how many it takes.
const ROUND_TRIPS: usize = WRITES.div_ceil(BATCH) + 1;

/// Of the time that it takes, so much may be the client's, in percent.
const CPU: f64 = 5.0;

pub(crate) fn real() -> Result<(), Failure> {
    let python = Python::find();
    println!("{WRITES} writes to a Kinto with its memory backend, in batches of {BATCH}");
    println!("wanted of ours: {ROUND_TRIPS} round trips at most, and less than {CPU} % of the time");
    println!("{:<10}{:>12}{:>10}{:>12}{:>8}", "", "round trips", "seconds", "of that CPU", "MiB");
    for name in CLIENTS.into_iter().chain(python.as_ref().map(|_| PYTHON)) {
        // One for each: what a server has already makes it slower.
        let server = KintoServer::start(Backend::Memory)?;
        let anonymous = Client::builder(server.url()).build()?;
        anonymous.send(accounts().create("bench", "a long password"))?;
        let client = anonymous.with_auth(Some(Auth::basic("bench", "a long password")))?;
        client.send(buckets().create("bench", &json!({})))?;
        client.send(bucket("bench").collections().create(name, &json!({})))?;
        let place = Place { url: server.url().to_owned(), collection: name.to_owned() };
        let taken = match &python {
            Some(python) if name == PYTHON => measured_of(python, "writes", WRITES, &place)?,
            _ => measured(name, "writes", WRITES, &place)?,
        };
        let wall = taken.wall.as_secs_f64();
        let cpu = 100.0 * taken.cpu.as_secs_f64() / wall;
        let trips = taken.trips.unwrap_or_default();
        let said = match name {
            "blocking" | "async" if trips > ROUND_TRIPS => "  too many round trips",
            "blocking" | "async" if cpu >= CPU => "  too much of the time",
            "blocking" | "async" => "  as wanted",
            _ => "",
        };
        println!("{name:<10}{trips:>12}{wall:>10.2}{cpu:>10.2} %{:>8.1}{said}", taken.peak as f64 / 1024.0);
    }
    Ok(())
}
