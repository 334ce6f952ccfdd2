//! What is to hold for all inputs, tried on many.

use std::cell::Cell;
use std::env;
use std::fmt::Debug;
use std::io::Write as _;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// How many inputs a property is tried on, unless it is said otherwise.
const CASES: u32 = 256;
const SEED: u64 = 1;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    Refused,
}

/// That of one input, or what is wrong with it.
pub(crate) type Verdict = Result<Fate, TestCaseError>;

/// Tries a property.
pub(crate) fn holds<S>(name: &str, inputs: &S, property: impl Fn(S::Value) -> Verdict)
where
    S: Strategy<Value: Debug>,
{
    holds_in_some(name, 1, inputs, property);
}

/// Tries a property that takes its time: on one of so many inputs.
pub(crate) fn holds_in_some<S>(name: &str, of: u32, inputs: &S, property: impl Fn(S::Value) -> Verdict)
where
    S: Strategy<Value: Debug>,
{
    let (asked, seed) = (setting::<u32>("KINTO_INPUT_CASES"), setting("KINTO_INPUT_SEED").unwrap_or(SEED));
    let config = Config {
        cases: (asked.unwrap_or(CASES) / of).max(4),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 4_000 / of,
        ..Config::default()
    };
    let (sent, refused) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(inputs, |input| {
        let count = match property(input)? {
            Fate::Sent => &sent,
            Fate::Refused => &refused,
        };
        count.set(count.get() + 1_u32);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{name}: {error}");
    }
    // One that never sends anything proves nothing.
    let (sent, refused) = (sent.get(), refused.get());
    assert!(sent >= (sent + refused) / 20, "{name}: of {} inputs only {sent} were sent", sent + refused);
    if asked.is_some() {
        // Whoever asked for it may not be there any more.
        let _ = writeln!(std::io::stderr().lock(), "{name}: {sent} sent, {refused} refused");
    }
}

fn setting<T: std::str::FromStr<Err: Debug>>(name: &str) -> Option<T> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is to be a number")))
}
