//! Each write once, and the truth about it: on a real server, with connections that are cut at every point, a server that
//! is killed, and others who write too.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod batches;
mod dice;
mod driver;
mod killed;
mod kinds;
mod place;
mod plan;
mod pollers;
mod poured;
mod singles;
mod verdict;
mod write;
mod writers;

/// Makes a test of each scenario, for both front-ends.
macro_rules! scenarios {
    ($($topic:ident { $($name:ident,)* })*) => {
        scenarios! { blocking: kinto_blocking; $($topic { $($name,)* })* }
        scenarios! { async_: kinto_async; $($topic { $($name,)* })* }
    };
    ($module:ident: $front_end:ident; $($topic:ident { $($name:ident,)* })*) => {
        mod $module {
            $(mod $topic {
                $(#[test]
                fn $name() {
                    crate::$topic::$name::<$front_end::Client>();
                })*
            })*
        }
    };
}

scenarios! {
    singles {
        records_at_every_point,
        others_at_some_points,
        by_dice,
    }
    batches {
        of_one,
        of_a_chunk,
        of_many,
    }
    killed {
        in_the_middle_of_500,
    }
    poured {
        killed_and_started_again,
        killed_and_told_truly,
        killed_and_poured_on,
    }
    writers {
        eight_of_one_collection,
    }
    pollers {
        who_misses_what_is_committed_late,
    }
}

#[test]
#[ignore = "takes minutes: cargo test -p kinto-tests --test once twenty_thousand -- --ignored --nocapture"]
fn twenty_thousand_writes_under_the_eyes_of_pollers() {
    pollers::twenty_thousand::<kinto_blocking::Client>();
}
