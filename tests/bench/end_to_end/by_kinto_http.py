"""The same work with kinto-http.py, as its users do it: WORK TIMES URL COLLECTION, and a line that says what it took.

Records are the dicts that it gives. What is done and counted is that of the programs beside this one.
"""

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import kinto_http
import requests

# So many are under way at the same time.
FLIGHT = 32
# What comes before anything is measured, in operations.
FIRST = {"batch25": 25, "batch100": 100, "flight": FLIGHT, "writes": 2}


def id_of(n):
    return f"{n * 2_654_435_761 & 0xFFFF_FFFF:08x}-0000-4000-8000-{n:012x}"


def article(n):
    words = n % 5_000
    return {
        "title": f"How article {n} of the series came to be written, and by whom",
        "summary": f"What is said in no. {n} is “said” once more here, at the length that summaries usually have: two "
        "lines, an em dash — and an end that leaves it open whether one ought to read on.",
        "url": f"https://articles.example/2024/05/article-{n}.html",
        "author": {"name": f"Author {n % 97}", "email": f"author{n % 97}@articles.example"},
        "tags": ["news", "series", "long-read"],
        "words": words,
        "rating": words / 1_000 + 0.125,
        "published": n % 2 == 0,
        "replaces": None,
    }


def wanted(count, times):
    if count != times:
        sys.exit(f"{count} instead of {times}")


class Counting(requests.adapters.HTTPAdapter):
    """Counts round trips."""

    trips = 0

    def send(self, *args, **kwargs):
        self.trips += 1
        return super().send(*args, **kwargs)


def batch(client, articles):
    with client.batch() as batch:
        for id, content in articles:
            batch.update_record(id=id, data=content)
    wanted(len(batch.results()), len(articles))


def work(client, what, times):
    """Gives the number of round trips, where that is asked for."""
    if what == "get":
        for n in range(times):
            client.get_record(id=id_of(n % 1_000))
    elif what == "put":
        for n in range(times):
            client.create_record(id=id_of(n % 1_000), data=article(7))
    elif what in ("batch25", "batch100"):
        size = int(what.removeprefix("batch"))
        articles = [(id_of(n), article(n)) for n in range(size)]
        for _ in range(times // size):
            batch(client, articles)
    elif what == "writes":
        counting = Counting()
        client.session._session.mount("http://", counting)
        articles = [(id_of(n), article(n)) for n in range(times)]
        for start in range(0, times, 25):
            batch(client, articles[start : start + 25])
        return counting.trips
    elif what == "list":
        wanted(len(client.get_records()), times)
    elif what == "stream":
        wanted(sum(1 for page in client.get_paginated_records() for record in page["data"] if record["id"]), times)
    elif what == "flight":
        with ThreadPoolExecutor(FLIGHT) as threads:
            answers = list(threads.map(lambda n: client.get_record(id=id_of(n % 1_000)), range(times)))
        wanted(len(answers), times)
    else:
        sys.exit(f"{what} cannot be done")
    return 0


def peak():
    """The most memory that there was at once, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main(what, times, url, collection):
    # By default it warns of each write in a batch that was done, which nobody wants to pay for.
    logging.getLogger("kinto_http").setLevel(logging.ERROR)
    client = kinto_http.Client(
        server_url=url, auth=("bench", "a long password"), bucket="bench", collection=collection
    )
    first = "get" if what in ("list", "stream") else what
    work(client, first, FIRST.get(first, 1))
    began, cpu = time.perf_counter_ns(), time.process_time_ns()
    trips = work(client, what, int(times))
    taken, cpu = time.perf_counter_ns() - began, time.process_time_ns() - cpu
    print(taken, cpu, peak(), trips)


main(*sys.argv[1:])
