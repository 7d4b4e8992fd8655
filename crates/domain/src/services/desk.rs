//! The desk: where orders are placed. Decide in the domain, lock and write in the adapter.

use std::sync::Arc;

use crate::{
    NewOrder, Order, StorageError,
    placement::{self, Refusal, Scope},
    ports::{Clock, CommitError, IdSource, OpenPlacement, PlacementStore},
};

/// Places batches of orders.
pub struct Desk {
    store: Arc<dyn PlacementStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// What became of one order of a batch.
pub type Answer = Result<Order, Refusal>;

impl Desk {
    /// Joins the ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn PlacementStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self { store, clock, ids }
    }

    /// Places a batch in the sequence of its orders, and answers for each of them.
    ///
    /// When the data changes under a batch, its orders are tried again one by one, so that none
    /// fails for another's reason; an order alone is tried once more, on the state as it is then.
    ///
    /// # Errors
    ///
    /// What storage fails with: nothing of the batch is known to be placed then.
    pub async fn place(&self, batch: &[NewOrder]) -> Result<Vec<Answer>, StorageError> {
        match self.try_to_place(batch).await {
            Ok(answers) => Ok(answers),
            Err(CommitError::Storage(error)) => Err(error),
            Err(CommitError::Rejected(_)) => self.place_one_by_one(batch).await,
        }
    }

    async fn place_one_by_one(&self, batch: &[NewOrder]) -> Result<Vec<Answer>, StorageError> {
        let mut answers = Vec::with_capacity(batch.len());
        for order in batch.chunks(1) {
            match self.try_to_place(order).await {
                Ok(answer) => answers.extend(answer),
                Err(CommitError::Storage(error)) => return Err(error),
                Err(CommitError::Rejected(source)) => return Err(StorageError::internal(source)),
            }
        }
        Ok(answers)
    }

    async fn try_to_place(&self, batch: &[NewOrder]) -> Result<Vec<Answer>, CommitError> {
        let OpenPlacement { state, unit } = self.store.open(&Scope::of(batch)).await?;
        let plan = placement::decide(state, batch, self.clock.now(), &*self.ids);
        if plan.accepted().next().is_some() {
            unit.commit(&plan).await?;
        } else {
            unit.abandon().await?;
        }
        Ok(plan.into_answers())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        fixtures::{clock, customer_id, ids, new_order, product_id, state, storage_is_down},
        ports::{MockPlacement, MockPlacementStore},
    };

    fn desk(store: MockPlacementStore) -> Desk {
        Desk::new(Arc::new(store), clock(), ids())
    }

    /// A store that hands out these units one after the other, over three units of product 1.
    fn store_of(units: Vec<MockPlacement>) -> MockPlacementStore {
        let mut store = MockPlacementStore::new();
        let count = units.len();
        let units = Mutex::new(units.into_iter());
        store.expect_open().times(count).returning(move |_| {
            Ok(OpenPlacement {
                state: state(&[(1, 3)], &[1]),
                unit: Box::new(units.lock().unwrap().next().unwrap()),
            })
        });
        store
    }

    fn committing(
        outcome: impl FnOnce() -> Result<(), CommitError> + Send + 'static,
    ) -> MockPlacement {
        let mut unit = MockPlacement::new();
        unit.expect_commit().times(1).return_once(|_| outcome());
        unit
    }

    fn rejected() -> Result<(), CommitError> {
        Err(CommitError::Rejected("the customer went away".into()))
    }

    #[tokio::test]
    async fn an_accepted_order_is_committed() {
        let store = store_of(vec![committing(|| Ok(()))]);
        let answers = desk(store).place(&[new_order(1, &[(1, 3)])]).await.unwrap();
        assert_eq!(answers[0].as_ref().unwrap().customer_id, customer_id(1));
    }

    #[tokio::test]
    async fn a_refused_order_never_reaches_commit() {
        let mut unit = MockPlacement::new();
        unit.expect_commit().never();
        unit.expect_abandon().times(1).returning(|| Ok(()));
        let answers = desk(store_of(vec![unit]))
            .place(&[new_order(1, &[(1, 4)])])
            .await
            .unwrap();
        assert!(matches!(
            answers[..],
            [Err(Refusal::InsufficientStock { .. })]
        ));
    }

    #[tokio::test]
    async fn locks_are_asked_for_once_a_product_and_in_id_order() {
        let mut store = MockPlacementStore::new();
        store
            .expect_open()
            .withf(|scope| {
                scope.products == [1, 2, 3].map(product_id)
                    && scope.customers == [1, 2].map(customer_id)
            })
            .times(1)
            .returning(|_| Err(storage_is_down()));
        let batch = [
            new_order(2, &[(3, 1), (1, 1)]),
            new_order(1, &[(2, 1), (3, 1)]),
            new_order(2, &[(1, 1)]),
        ];
        assert!(desk(store).place(&batch).await.is_err());
    }

    #[tokio::test]
    async fn a_failure_to_open_places_nothing_and_is_told() {
        let mut store = MockPlacementStore::new();
        store.expect_open().returning(|_| Err(storage_is_down()));
        let failed = desk(store).place(&[new_order(1, &[(1, 1)])]).await;
        assert!(matches!(failed, Err(StorageError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_failure_to_commit_is_told_and_not_tried_again() {
        let store = store_of(vec![committing(|| Err(storage_is_down().into()))]);
        let failed = desk(store).place(&[new_order(1, &[(1, 1)])]).await;
        assert!(matches!(failed, Err(StorageError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_rejected_batch_is_placed_one_by_one() {
        let store = store_of(vec![
            committing(rejected),
            committing(|| Ok(())),
            committing(|| Ok(())),
        ]);
        let batch = [new_order(1, &[(1, 1)]), new_order(1, &[(1, 2)])];
        let answers = desk(store).place(&batch).await.unwrap();
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(answers.len(), 2);
    }

    #[tokio::test]
    async fn an_order_that_is_rejected_twice_is_a_bug_and_told_as_one() {
        let store = store_of(vec![committing(rejected), committing(rejected)]);
        let failed = desk(store).place(&[new_order(1, &[(1, 1)])]).await;
        assert!(matches!(failed, Err(StorageError::Internal(_))));
    }
}
