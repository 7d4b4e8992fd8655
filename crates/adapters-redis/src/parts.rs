//! The parts of a Redis that can be done without by themselves: slots of a cluster that lie side by side, for
//! a node has those between two numbers; of a single server the whole.

use std::sync::Arc;

use crate::{availability::Availability, closing::Closing};

/// How many parts a cluster has here: a node that is away takes at most two parts of others with it.
const OF_CLUSTER: usize = 64;

/// The slots of a cluster.
const SLOTS: usize = 16_384;

/// What can be done without by itself.
pub(crate) struct Part {
    /// What is a bit of its own in what replicas tell each other.
    pub(crate) bit: u64,
    /// The key that is written to check whether it can be written.
    pub(crate) probe: String,
    pub(crate) availability: Availability,
    pub(crate) closing: Closing,
}

impl Part {
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
    /// Those of a cluster or of a server, whose probes begin like this.
    pub(crate) fn new(is_cluster: bool, probe: &str, closing: impl Fn(u64) -> Closing) -> Self {
        let part = |probe, bit| {
            Arc::new(Part {
                bit,
                probe,
                availability: Availability::up(),
                closing: closing(bit),
            })
        };
        if !is_cluster {
            return Self {
                first: part(probe.to_owned(), u64::MAX),
                others: Vec::new(),
            };
        }
        let key_of = |wanted| {
            let mut keys = (0_u64..).map(|n| format!("{probe}:{n}"));
            keys.find(|key| number(key) == wanted)
        };
        let part = |number| part(key_of(number).unwrap_or_default(), 1 << number);
        Self {
            first: part(0),
            others: (1..OF_CLUSTER).map(part).collect(),
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
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let hashed = match tag {
        Some((tag, _)) if !tag.is_empty() => tag,
        _ => key,
    };
    usize::from(crc16::State::<crc16::XMODEM>::calculate(hashed.as_bytes())) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{LONGEST, Told};

    fn parts(is_cluster: bool) -> Parts {
        let told = Arc::new(Told::default());
        Parts::new(is_cluster, "shop:3:probe", |part| {
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
    fn every_part_of_a_cluster_has_its_bit_and_its_probe() {
        let parts = parts(true);
        let bits = parts.iter().fold(0, |bits, part| {
            assert_eq!(bits & part.bit, 0);
            assert_eq!(parts.of(&part.probe).bit, part.bit);
            bits | part.bit
        });
        assert_eq!(bits, u64::MAX);
    }

    #[test]
    fn a_server_is_one_part() {
        let parts = parts(false);
        assert_eq!(parts.iter().count(), 1);
        assert_eq!(parts.of("anything").bit, u64::MAX);
    }
}
