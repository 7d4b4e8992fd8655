//! The parts of a Redis that can be done without by themselves: slots of a cluster that lie side by side, for
//! a node has those between two numbers; of a single server the whole.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{availability::Availability, backoff::Backoff, closing::Closing};

/// How many parts a cluster has here: a node that is away takes at most two parts of others with it.
const OF_CLUSTER: usize = 64;

/// The slots of a cluster.
const SLOTS: usize = 16_384;

/// What can be done without by itself.
pub(crate) struct Part {
    /// What is a bit of its own in what replicas tell each other.
    pub(crate) bit: u64,
    /// How keys begin.
    prefix: String,
    /// The key that could not be read or written last.
    failed: Mutex<String>,
    pub(crate) availability: Availability,
    pub(crate) backoff: Backoff,
    pub(crate) closing: Closing,
}

impl Part {
    /// A key in the same slot as the one that failed last, to try whether it can be written.
    pub(crate) fn probe(&self) -> String {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // A tag in the prefix is that of every key, and comes first.
        format!("{}:probe:{{{}}}", self.prefix, hashed(&failed))
    }

    /// Records which key failed.
    pub(crate) fn failed(&self, key: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        key.clone_into(&mut failed);
    }

    /// Lets the other replicas read again, if Redis has all that it missed.
    pub(crate) async fn open_if_up(&self) {
        self.closing.open_if(|| self.availability.is_up()).await;
    }
}

/// All parts.
pub(crate) struct Parts {
    first: Arc<Part>,
    others: Vec<Arc<Part>>,
}

impl Parts {
    /// Those of a cluster or of a server, whose keys begin like this.
    pub(crate) fn new(is_cluster: bool, prefix: &str, closing: impl Fn(u64) -> Closing) -> Self {
        let part = |bit| {
            Arc::new(Part {
                bit,
                prefix: prefix.to_owned(),
                failed: Mutex::default(),
                availability: Availability::up(),
                backoff: Backoff::new(),
                closing: closing(bit),
            })
        };
        if !is_cluster {
            return Self {
                first: part(u64::MAX),
                others: Vec::new(),
            };
        }
        Self {
            first: part(1),
            others: (1..OF_CLUSTER).map(|number| part(1 << number)).collect(),
        }
    }

    /// The part that has a key.
    pub(crate) fn of(&self, key: &str) -> &Arc<Part> {
        if self.others.is_empty() {
            return &self.first;
        }
        let other = number(key).checked_sub(1);
        let other = other.and_then(|other| self.others.get(other));
        other.unwrap_or(&self.first)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Part>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The number of the part of a cluster that has a key.
fn number(key: &str) -> usize {
    slot(key) * OF_CLUSTER / SLOTS
}

/// The slot of a key ([Redis cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/),
/// "Key distribution model" and "Hash tags").
fn slot(key: &str) -> usize {
    usize::from(crc16::State::<crc16::XMODEM>::calculate(
        hashed(key).as_bytes(),
    )) % SLOTS
}

/// What decides on the slot of a key: its tag, if it has one.
fn hashed(key: &str) -> &str {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    match tag {
        Some((tag, _)) if !tag.is_empty() => tag,
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{LONGEST, Told};

    fn parts(is_cluster: bool, prefix: &str) -> Parts {
        let told = Arc::new(Told::default());
        Parts::new(is_cluster, prefix, |part| {
            Closing::new(Arc::<Told>::clone(&told), part, LONGEST)
        })
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        // Its appendix A, and `CLUSTER KEYSLOT`.
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), 8363);
        assert_eq!(slot("foo{bar}{zap}"), slot("bar"));
    }

    #[test]
    fn every_part_of_a_cluster_has_its_bit_and_is_probed_where_it_failed() {
        let all = parts(true, "shop:3");
        let bits = all.iter().fold(0, |bits, part| {
            assert_eq!(bits & part.bit, 0);
            bits | part.bit
        });
        assert_eq!(bits, u64::MAX);
        for prefix in ["shop:3", "{shop}:3", "a{shop}b:3"] {
            let key = format!("{prefix}:order:1");
            let all = parts(true, prefix);
            let part = all.of(&key);
            part.failed(&key);
            assert_eq!(slot(&part.probe()), slot(&key), "{key}");
            assert!(part.probe().starts_with(prefix));
        }
    }

    #[test]
    fn a_server_is_one_part() {
        let parts = parts(false, "shop:3");
        assert_eq!(parts.iter().count(), 1);
        assert_eq!(parts.of("anything").bit, u64::MAX);
    }
}
