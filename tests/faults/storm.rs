//! Sixteen buyers at once, and what they have seen.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{arena::Arena, buyer::Buyer};

/// How many buyers order at once.
pub(crate) const BUYERS: usize = 16;

pub(crate) struct Storm {
    buyers: JoinSet<()>,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

/// What the buyers have seen.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    /// Every try: when it was answered, after how long, and how.
    pub(crate) tries: Vec<Try>,
    /// The orders that were acknowledged, and whether their cancellation was.
    pub(crate) orders: Vec<Acknowledged>,
    /// The keys of orders that were refused for lack of stock.
    pub(crate) refused: Vec<Uuid>,
    /// Orders of which nobody was told what became.
    pub(crate) given_up: usize,
    /// What must never be: an answer that is wrong, or older than an acknowledged write.
    pub(crate) wrong: Vec<String>,
}

#[derive(Clone, Copy)]
pub(crate) struct Try {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

/// How a try ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Status(u16),
    /// The connection was refused, or broke.
    Broken,
    Silent,
}

#[derive(Clone)]
pub(crate) struct Acknowledged {
    pub(crate) id: Uuid,
    pub(crate) items: i64,
    pub(crate) is_cancelled: bool,
}

impl Storm {
    pub(crate) fn begin(arena: &Arena) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::<Mutex<Seen>>::default();
        let mut buyers = JoinSet::new();
        for (n, customer) in arena.buyers.iter().enumerate() {
            let buyer = Buyer::new(arena, customer, Arc::clone(&is_over), Arc::clone(&seen));
            buyers.spawn(buyer.order_on_and_on(n));
        }
        Self {
            buyers,
            is_over,
            seen,
        }
    }

    /// Waits until every buyer knows what became of the last order.
    pub(crate) async fn end(self) -> Seen {
        self.is_over.store(true, Ordering::Relaxed);
        self.buyers.join_all().await;
        self.seen.lock().unwrap().clone()
    }
}
