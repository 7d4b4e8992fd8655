//! The lanes of the desk: orders of a product whose stock another transaction keeps locked wait in
//! line for that product alone, and delay no other order.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_channel::{Receiver, Sender, WeakSender};
use futures_util::StreamExt;
use time::{Duration, OffsetDateTime};
use tracing::Instrument;

use super::{Answer, DeskError, QueuedOrder, placing::Placing};
use crate::{
    catalog::ProductId,
    concurrency::batch_queue::{Batch, BatchHandler, Handled},
    orders::{
        DeskObserver, DeskQueue, LockWait,
        placement::{Refusal, Request},
    },
};

/// The waiting orders, by product. A lane exists as long as orders wait in it or are being placed
/// from it.
pub(super) struct Lanes {
    by_product: Mutex<HashMap<ProductId, VecDeque<QueuedOrder>>>,
    /// The most orders in all lanes together.
    max_queued: usize,
    /// How many are taken from their lanes, and are tried.
    taken: AtomicUsize,
    /// See [`super::DeskSettings::patience`].
    patience: Duration,
    observer: Option<Arc<dyn DeskObserver>>,
}

impl Lanes {
    pub(super) fn new(
        max_queued: usize,
        patience: Duration,
        observer: Option<Arc<dyn DeskObserver>>,
    ) -> Self {
        Self {
            by_product: Mutex::default(),
            max_queued,
            taken: AtomicUsize::new(0),
            patience,
            observer,
        }
    }

    /// How many orders wait in lanes, or for the product of theirs.
    pub(super) fn queued(&self) -> usize {
        queued_in(&self.lock()) + self.taken.load(Ordering::Relaxed)
    }

    /// Tells how long an order had waited by this moment.
    fn observe(&self, queue: DeskQueue, queued: &QueuedOrder, moment: OffsetDateTime) {
        if let Some(observer) = &self.observer {
            observer.waited(queue, queued.waited_until(moment));
        }
    }

    /// The first product of a request that has a lane.
    pub(super) fn of(&self, request: &Request) -> Option<ProductId> {
        let lanes = self.lock();
        if lanes.is_empty() {
            return None;
        }
        request.products().find(|id| lanes.contains_key(id))
    }

    /// Adds an order to the end of the lane of this product, and sends a new lane to `opened`.
    pub(super) fn join(&self, product: ProductId, queued: QueuedOrder, opened: &Sender<ProductId>) {
        let mut lanes = self.lock();
        if queued_in(&lanes) >= self.max_queued {
            return queued.answer(Err(DeskError::Full));
        }
        match lanes.entry(product) {
            Entry::Occupied(lane) => lane.into_mut().push_back(queued),
            Entry::Vacant(none) => {
                none.insert(VecDeque::from([queued]));
                // The desk has closed, and no worker is left: the callers get an error.
                if opened.try_send(product).is_err() {
                    lanes.remove(&product);
                }
            }
        }
    }

    /// Takes the first orders of a lane, at most `max`, without those whose callers have hung up.
    fn take(&self, product: ProductId, max: usize) -> Vec<QueuedOrder> {
        let mut lanes = self.lock();
        let lane = lanes.entry(product).or_default();
        std::iter::from_fn(|| lane.pop_front())
            .filter(|queued| !queued.has_hung_up())
            .take(max)
            .collect()
    }

    /// Puts taken orders back, before those that have arrived since.
    fn put_back(&self, product: ProductId, taken: Vec<QueuedOrder>) {
        let mut lanes = self.lock();
        let lane = lanes.entry(product).or_default();
        for queued in taken.into_iter().rev() {
            lane.push_front(queued);
        }
    }

    /// Closes a lane if no order waits in it, and returns whether it is closed.
    fn close_if_empty(&self, product: ProductId) -> bool {
        let mut lanes = self.lock();
        let is_empty = lanes.get(&product).is_none_or(VecDeque::is_empty);
        if is_empty {
            lanes.remove(&product);
        }
        is_empty
    }

    /// A poisoned lock is safe to use: a panic cannot have left the lanes half written.
    fn lock(&self) -> MutexGuard<'_, HashMap<ProductId, VecDeque<QueuedOrder>>> {
        self.by_product
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn queued_in(lanes: &HashMap<ProductId, VecDeque<QueuedOrder>>) -> usize {
    lanes.values().map(VecDeque::len).sum()
}

/// Places a batch, and diverts orders of products that stay locked to their lanes.
#[derive(Clone)]
pub(super) struct PlaceOrDivert {
    pub(super) placing: Arc<Placing>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) opened_lanes: Sender<ProductId>,
}

impl BatchHandler for PlaceOrDivert {
    type Request = Request;
    type Answer = Answer;

    async fn handle(&self, batch: &[Request]) -> Handled<Answer> {
        self.placing.place(batch, LockWait::Briefly).await
    }

    fn divert(&self, queued: QueuedOrder) -> Option<QueuedOrder> {
        let now = self.placing.clock.now();
        if queued.arrived_before(now - self.lanes.patience) {
            self.lanes.observe(DeskQueue::Orders, &queued, now);
            queued.answer(Err(DeskError::Full));
            return None;
        }
        match self.lanes.of(&queued.request) {
            None => Some(queued),
            Some(product_id) => {
                self.lanes.join(product_id, queued, &self.opened_lanes);
                None
            }
        }
    }

    fn answer(&self, queued: QueuedOrder, answer: Answer, began: OffsetDateTime) {
        match answer {
            Err(DeskError::Refused(Refusal::Held { product_id })) => {
                self.lanes.join(product_id, queued, &self.opened_lanes);
            }
            answer => {
                self.lanes.observe(DeskQueue::Orders, &queued, began);
                queued.answer(answer);
            }
        }
    }
}

/// Places the orders of the lanes, several lanes at once.
pub(super) struct LaneWorker {
    pub(super) lanes: Arc<Lanes>,
    pub(super) opened: Receiver<ProductId>,
    /// Queues a lane that is not empty behind the others, of which there may be more than
    /// `max_lanes`.
    pub(super) requeue: WeakSender<ProductId>,
    pub(super) placing: Arc<Placing>,
    pub(super) max_lanes: usize,
    pub(super) max_batch: usize,
}

impl LaneWorker {
    /// Runs until the desk's workers have ended and every lane is empty.
    pub(super) async fn run(self) {
        let worker = &self;
        self.opened
            .clone()
            .for_each_concurrent(self.max_lanes, |product| worker.run_lane(product))
            .await;
    }

    /// Waits in line for a product and places the orders of its lane, until the lane is empty.
    /// Between two attempts the other lanes proceed.
    async fn run_lane(&self, product: ProductId) {
        loop {
            self.place_batch(product).await;
            if self.lanes.close_if_empty(product) {
                return;
            }
            let requeue = self.requeue.upgrade();
            if requeue.is_some_and(|lanes| lanes.try_send(product).is_ok()) {
                return;
            }
        }
    }

    async fn place_batch(&self, product: ProductId) {
        let batch = Batch::of(self.lanes.take(product, self.max_batch));
        let (tried, began) = (batch.requests.len(), self.placing.clock.now());
        self.lanes.taken.fetch_add(tried, Ordering::Relaxed);
        let wait = LockWait::InLineFor(product);
        let placing = self.placing.place(&batch.requests, wait);
        let Handled { answers, .. } = placing.instrument(batch.span()).await;
        self.lanes.taken.fetch_sub(tried, Ordering::Relaxed);
        let now = self.placing.clock.now();
        let too_late = now - self.lanes.patience;
        let mut still_held = Vec::new();
        for (queued, answer) in batch.with(answers) {
            let Err(DeskError::Refused(Refusal::Held { product_id: held })) = answer else {
                self.lanes.observe(DeskQueue::Lanes, &queued, began);
                queued.answer(answer);
                continue;
            };
            if queued.arrived_before(too_late) {
                self.lanes.observe(DeskQueue::Lanes, &queued, now);
                queued.answer(answer);
                continue;
            }
            match self.requeue.upgrade().filter(|_| held != product) {
                Some(opened) => self.lanes.join(held, queued, &opened),
                None => still_held.push(queued),
            }
        }
        self.lanes.put_back(product, still_held);
    }
}
