//! A batch is written whole or not at all, and one bad order does not spoil the others.

use std::sync::Arc;

use adapters_postgres::PgOrders;
use async_trait::async_trait;
use domain::{
    StorageError,
    customers::CustomerId,
    orders::{
        Desk, DeskError, DeskSettings, LockWait, PlacementStore,
        placement::{Outcome, Plan, Refusal, Scope, State, decide},
    },
    unit_of_work::{CommitError, Opened},
};
use futures_util::{FutureExt, future::join_all};
use http_actix::adapters::{SystemClock, UuidV7Source};
use integration_tests::World;

#[tokio::test]
async fn a_batch_is_written_whole_in_one_commit() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(5).await, world.product(5).await);
    let batch = [
        world.request(&customer, &[(first, 2), (second, 1)]),
        world.request(&customer, &[(first, 4)]),
        world.request(&customer, &[(second, 4), (first, 3)]),
    ];
    let answers = world.place_batch(&batch).await;
    let placed: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(placed, [true, false, true]);
    assert_eq!(world.available(first).await, 0);
    assert_eq!(world.available(second).await, 0);
    assert_eq!(world.count("select count(*) from orders").await, 2);
    assert_eq!(world.count("select count(*) from itens_order").await, 4);
    // Both rows carry the number of the transaction that wrote them.
    let transactions = "select count(distinct xmin::text) from orders";
    assert_eq!(world.count(transactions).await, 1);
}

#[tokio::test]
async fn a_plan_that_storage_refuses_is_rolled_back_whole() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    // Decided on a customer who has gone since: the last of three writes fails.
    let batch = [world.request(&customer, &[(product, 2)])];
    let open = world.open(&Scope::of(&batch)).await;
    let plan = decide(open.state, &batch, World::now(), &UuidV7Source);
    let gone = format!("delete from customers where id = '{}'", customer.id);
    world
        .test
        .client()
        .await
        .batch_execute(&gone)
        .await
        .unwrap();
    let refused = open.unit.commit(&plan).await;
    assert!(
        matches!(refused, Err(CommitError::Outdated(_))),
        "{refused:?}"
    );
    assert_eq!(world.available(product).await, 5);
    assert_eq!(world.count("select count(*) from orders").await, 0);
    // And its connection is good for the next.
    let other = world.customer().await;
    assert!(world.place(&other, &[(product, 5)]).await.is_ok());
    assert_eq!(world.database.connections_of_the_desk(), 1);
}

/// A store in which a customer goes away between the look at a batch and its commit.
struct Meddled {
    orders: PgOrders,
    client: tokio_postgres::Client,
    goes_away: CustomerId,
}

#[async_trait]
impl PlacementStore for Meddled {
    async fn open(
        &self,
        scope: &Scope,
        wait: LockWait,
    ) -> Result<Opened<State, Plan>, StorageError> {
        let open = PlacementStore::open(&self.orders, scope, wait).await?;
        let gone = format!("delete from customers where id = '{}'", self.goes_away);
        self.client.batch_execute(&gone).await.unwrap();
        Ok(open)
    }

    async fn peek(&self, scope: &Scope) -> Result<State, StorageError> {
        self.orders.peek(scope).await
    }
}

#[tokio::test]
async fn a_batch_with_one_poisoned_order_places_the_others() {
    let world = World::new().await;
    let (stays, goes) = (world.customer().await, world.customer().await);
    let product = world.product(10).await;
    let store = Meddled {
        orders: world.orders.clone(),
        client: world.test.client().await,
        goes_away: goes.id,
    };
    let settings = DeskSettings {
        workers: 1,
        max_batch: 10,
        min_parallel_batch: 1,
        max_queued: 10,
        max_lanes: 1,
        patience: time::Duration::milliseconds(1_500),
    };
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Source));
    let (desk, tasks) = Desk::open(Arc::new(store), clock, ids, None, settings);
    let mut placing: Vec<_> = [&stays, &goes, &stays]
        .into_iter()
        .map(|customer| {
            let request = world.request(customer, &[(product, 2)]);
            Box::pin(desk.place(request))
        })
        .collect();
    for placing in &mut placing {
        assert!(placing.now_or_never().is_none(), "they wait for the clerk");
    }
    for task in tasks {
        tokio::spawn(task);
    }
    let answers = join_all(placing).await;
    assert!(
        matches!(
            answers[..],
            [
                Ok(Outcome::Placed(_)),
                Err(DeskError::Refused(Refusal::UnknownCustomer)),
                Ok(Outcome::Placed(_)),
            ]
        ),
        "{answers:?}"
    );
    assert_eq!(world.available(product).await, 6);
}
