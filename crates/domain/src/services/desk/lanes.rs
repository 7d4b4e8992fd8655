//! The lanes beside the desk: who wants a product whose stock somebody goes on holding waits for
//! that product alone, in line, and keeps nobody else waiting.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_channel::{Receiver, Sender, WeakSender};
use futures_util::StreamExt;
use time::Duration;

use super::{DeskError, Waiting, placing::Placing};
use crate::{
    ProductId,
    placement::{Refusal, Request},
    ports::LockWait,
};

/// Who waits for which product. A lane is there as long as somebody stands in it or is served
/// from it.
pub(super) struct Lanes {
    lanes: Mutex<HashMap<ProductId, VecDeque<Waiting>>>,
    /// The most requests in all of them.
    max_waiting: usize,
}

/// How long somebody stands in lanes before being told that the product is not to be had now.
const PATIENCE: Duration = Duration::seconds(5);

impl Lanes {
    pub(super) fn new(max_waiting: usize) -> Self {
        Self {
            lanes: Mutex::default(),
            max_waiting,
        }
    }

    /// The first product of a request for which others stand in line.
    pub(super) fn of(&self, request: &Request) -> Option<ProductId> {
        let lanes = self.lock();
        if lanes.is_empty() {
            return None;
        }
        request.products().find(|id| lanes.contains_key(id))
    }

    /// Sends somebody to the end of the lane of this product; a lane that was not there is told
    /// to `opened`.
    pub(super) fn join(&self, product: ProductId, waiting: Waiting, opened: &Sender<ProductId>) {
        let mut lanes = self.lock();
        if lanes.values().map(VecDeque::len).sum::<usize>() >= self.max_waiting {
            return waiting.tell(Err(DeskError::Full));
        }
        match lanes.entry(product) {
            Entry::Occupied(lane) => lane.into_mut().push_back(waiting),
            Entry::Vacant(none) => {
                none.insert(VecDeque::from([waiting]));
                // Nobody is there to serve it when the desk has closed: the callers are told.
                if opened.try_send(product).is_err() {
                    lanes.remove(&product);
                }
            }
        }
    }

    /// Takes the first of a lane, at most `max`, who have not hung up.
    fn take(&self, product: ProductId, max: usize) -> Vec<Waiting> {
        let mut lanes = self.lock();
        let lane = lanes.entry(product).or_default();
        std::iter::from_fn(|| lane.pop_front())
            .filter(|waiting| !waiting.has_hung_up())
            .take(max)
            .collect()
    }

    /// Puts those who were taken back, before those who have come since.
    fn put_back(&self, product: ProductId, taken: Vec<Waiting>) {
        let mut lanes = self.lock();
        let lane = lanes.entry(product).or_default();
        for waiting in taken.into_iter().rev() {
            lane.push_front(waiting);
        }
    }

    /// Closes a lane if nobody stands in it, and says whether it is closed.
    fn close_if_empty(&self, product: ProductId) -> bool {
        let mut lanes = self.lock();
        let is_empty = lanes.get(&product).is_none_or(VecDeque::is_empty);
        if is_empty {
            lanes.remove(&product);
        }
        is_empty
    }

    /// A panic while the lanes were held cannot have left them half written.
    fn lock(&self) -> MutexGuard<'_, HashMap<ProductId, VecDeque<Waiting>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the lanes, several at once.
pub(super) struct LaneWorker {
    pub(super) lanes: Arc<Lanes>,
    pub(super) opened: Receiver<ProductId>,
    /// For a lane that goes on: behind the others, of which there may be more than are served.
    pub(super) goes_on: WeakSender<ProductId>,
    pub(super) placing: Arc<Placing>,
    pub(super) max_lanes: usize,
    pub(super) max_batch: usize,
}

impl LaneWorker {
    /// Serves until the clerks have ended and every lane is empty.
    pub(super) async fn serve(self) {
        let worker = &self;
        self.opened
            .clone()
            .for_each_concurrent(self.max_lanes, |product| worker.serve_lane(product))
            .await;
    }

    /// Waits in line for a product and places the orders of its lane, again and again until
    /// nobody stands in it. Between two tries it lets the other lanes have theirs.
    async fn serve_lane(&self, product: ProductId) {
        loop {
            self.place_batch(product).await;
            if self.lanes.close_if_empty(product) {
                return;
            }
            let goes_on = self.goes_on.upgrade();
            if goes_on.is_some_and(|lanes| lanes.try_send(product).is_ok()) {
                return;
            }
        }
    }

    async fn place_batch(&self, product: ProductId) {
        let batch = Waiting::split(self.lanes.take(product, self.max_batch));
        let wait = LockWait::InLineFor(product);
        let answers = self.placing.place(&batch.requests, wait).await;
        let too_late = self.placing.clock.now() - PATIENCE;
        let mut go_on = Vec::new();
        for (held, waiting) in batch.answer(answers) {
            if waiting.since < too_late {
                waiting.tell(Err(Refusal::Held { product_id: held }.into()));
                continue;
            }
            match self.goes_on.upgrade().filter(|_| held != product) {
                Some(opened) => self.lanes.join(held, waiting, &opened),
                None => go_on.push(waiting),
            }
        }
        self.lanes.put_back(product, go_on);
    }
}
