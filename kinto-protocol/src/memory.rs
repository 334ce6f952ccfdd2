//! What a session remembers, and its clones with it: what the server asked for, and what retries are left.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderValue;

use crate::id::uuid;
use crate::moment::Moment;
use crate::object::JsonMap;

/// The tokens that retries are paid with. A success gives back one; where there are no successes they end, so that
/// many callers together do not hammer a server that is down.
const BUDGET: u32 = 500;
/// The price of a retry.
const RETRY: u32 = 5;
/// The price of a retry after a time limit, which has cost the server more.
const RETRY_AFTER_TIMEOUT: u32 = 10;

/// The memory. No lock is held while anybody waits or sends.
pub(crate) struct Memory(Mutex<Content>);

struct Content {
    quiet_until: Moment,
    tokens: u32,
    dice: [u64; 2],
    has_seed: bool,
    last_alert: Option<Bytes>,
    batch_most: Option<usize>,
    capabilities: BTreeMap<String, JsonMap>,
    latest: Moment,
}

impl Memory {
    pub(crate) fn new(seed: Option<u128>) -> Self {
        let has_seed = seed.is_some();
        let seed = seed.unwrap_or_default();
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        let dice = [(seed >> 64) as u64, seed as u64];
        let quiet_until = Moment::default();
        Self(Mutex::new(Content {
            quiet_until,
            tokens: BUDGET,
            dice,
            has_seed,
            last_alert: None,
            batch_most: None,
            capabilities: BTreeMap::new(),
            latest: Moment::default(),
        }))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // What is in there is whole after every statement, whoever panicked elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the server wants no requests.
    pub(crate) fn quiet_until(&self) -> Moment {
        self.content().quiet_until
    }

    /// Closes the gate until then. It never opens earlier than was once asked for.
    pub(crate) fn keep_quiet(&self, until: Moment) {
        let mut content = self.content();
        content.quiet_until = content.quiet_until.max(until);
    }

    /// Takes what a retry costs, if there is enough left.
    pub(crate) fn pay_for_retry(&self, timed_out: bool) -> bool {
        let mut content = self.content();
        let price = if timed_out { RETRY_AFTER_TIMEOUT } else { RETRY };
        let left = content.tokens.checked_sub(price);
        content.tokens = left.unwrap_or(content.tokens);
        left.is_some()
    }

    /// Gives back a little for a success.
    pub(crate) fn earn(&self) {
        let mut content = self.content();
        content.tokens = (content.tokens + 1).min(BUDGET);
    }

    /// Whether this alert is another than the last one.
    pub(crate) fn is_news(&self, alert: &HeaderValue) -> bool {
        let mut content = self.content();
        let news = content.last_alert.as_deref() != Some(alert.as_bytes());
        if news {
            content.last_alert = Some(Bytes::copy_from_slice(alert.as_bytes()));
        }
        news
    }

    /// Remembers that it is so late.
    pub(crate) fn tick(&self, now: Moment) {
        let mut content = self.content();
        content.latest = content.latest.max(now);
    }

    /// How late it was when anything was begun last.
    pub(crate) fn latest(&self) -> Moment {
        self.content().latest
    }

    /// How many requests a batch may hold, if the server was asked.
    pub(crate) fn batch_most(&self) -> Option<usize> {
        self.content().batch_most
    }

    /// Remembers how many requests a batch may hold.
    pub(crate) fn learn_batch_most(&self, most: usize) {
        self.content().batch_most = Some(most);
    }

    /// Whether the server is known to have a capability.
    pub(crate) fn has(&self, capability: &str) -> bool {
        self.content().capabilities.contains_key(capability)
    }

    /// What the server says of a capability, if it is known to have it.
    #[cfg(feature = "attachments")]
    pub(crate) fn capability(&self, name: &str) -> Option<JsonMap> {
        self.content().capabilities.get(name).cloned()
    }

    /// Remembers what the server can do. What it cannot do it may learn.
    pub(crate) fn learn_capabilities(&self, capabilities: &BTreeMap<String, JsonMap>) {
        self.content().capabilities.clone_from(capabilities);
    }

    /// A row of random digits, to stand between the parts of a form.
    #[cfg(feature = "attachments")]
    pub(crate) fn boundary(&self) -> String {
        let mut content = self.content();
        format!("{:016x}{:016x}", content.roll(0), content.roll(1))
    }

    /// A random number for a wait.
    pub(crate) fn roll(&self) -> u64 {
        self.content().roll(0)
    }

    /// Where other random numbers can begin, if there was a seed.
    #[cfg(feature = "testing")]
    pub(crate) fn new_seed(&self) -> Option<u128> {
        let mut content = self.content();
        content.has_seed.then(|| u128::from(content.roll(0)) << 64 | u128::from(content.roll(1)))
    }

    /// A random UUID, if there was a seed. Without, every process would make the same ones.
    pub(crate) fn new_id(&self) -> Option<String> {
        let mut content = self.content();
        // Two rows of dice, so that all 128 bits of the seed count.
        content.has_seed.then(|| uuid(u128::from(content.roll(0)) << 64 | u128::from(content.roll(1))))
    }
}

impl Content {
    /// The next of an endless row of random numbers (splitmix64).
    fn roll(&mut self, row: usize) -> u64 {
        self.dice[row] = self.dice[row].wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice[row];
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_differ_and_need_a_seed() {
        let memory = Memory::new(Some(1));
        let ids: HashSet<_> = (0..10_000).filter_map(|_| memory.new_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert_ne!(Memory::new(Some(1 << 64)).new_id(), Memory::new(Some(1)).new_id());
        assert_eq!(Memory::new(None).new_id(), None);
    }

    #[test]
    fn dice_fall_evenly() {
        let memory = Memory::new(Some(3));
        let low = (0..10_000).filter(|_| memory.roll() < u64::MAX / 4).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }
}
