//! Who serves at the desk.

use std::sync::Arc;

use async_channel::{Receiver, Sender};

use super::{Waiting, lanes::Lanes, placing::Placing, under_way::UnderWay};
use crate::{ProductId, ports::LockWait};

/// Takes everybody who waits, places their orders as one batch, answers, and begins again. Who
/// wants a product that somebody else goes on holding is sent to the lane of that product.
pub(super) struct Clerk {
    pub(super) waiting: Receiver<Waiting>,
    pub(super) placing: Arc<Placing>,
    pub(super) under_way: Arc<UnderWay>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) opened_lanes: Sender<ProductId>,
    pub(super) max_batch: usize,
}

impl Clerk {
    /// Serves until the desk is closed, or nobody stands at it any more, and the queue is empty.
    pub(super) async fn serve(self) {
        while let Ok(first) = self.waiting.recv().await {
            // Those in the queue, and the one at hand.
            let begun = self.under_way.turn(|| self.waiting.len() + 1).await;
            let batch = Waiting::split(self.take_batch(first));
            let answers = self.placing.place(&batch.requests, LockWait::Briefly).await;
            drop(begun);
            for (product_id, waiting) in batch.answer(answers) {
                self.lanes.join(product_id, waiting, &self.opened_lanes);
            }
        }
    }

    /// Everybody who waits by now, up to a full batch. Left out are those who have hung up
    /// meanwhile, and those for whose product others stand in line already.
    fn take_batch(&self, first: Waiting) -> Vec<Waiting> {
        std::iter::once(first)
            .chain(std::iter::from_fn(|| self.waiting.try_recv().ok()))
            .take(self.max_batch)
            .filter(|waiting| !waiting.has_hung_up())
            .filter_map(|waiting| match self.lanes.of(&waiting.request) {
                None => Some(waiting),
                Some(product_id) => {
                    self.lanes.join(product_id, waiting, &self.opened_lanes);
                    None
                }
            })
            .collect()
    }
}
