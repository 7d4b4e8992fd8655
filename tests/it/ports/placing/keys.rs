//! Idempotency keys: one order each, however often and from wherever it is asked for.

use domain::{
    idempotency::IdempotencyKey,
    identity::{AccountId, Actor, Role},
    orders::{
        DeskError, IdempotencyKeys, NewOrder, OrderStatus,
        placement::{Outcome, Refusal, Request},
    },
    values::Expected,
};
use futures_util::future::join_all;
use integration_tests::World;

fn keyed(account: AccountId, key: &str, order: NewOrder) -> Request {
    let by = Actor::new(account, Role::Staff, None);
    Request::new(by, order).under(IdempotencyKey::parse(key).unwrap())
}

#[tokio::test]
async fn thirty_two_requests_with_one_key_at_once_make_one_order() {
    let world = World::ready_to_race().await;
    let (customer, product) = (world.customer().await, world.product(50).await);
    let account = world.account().await;
    let desk = world.racing_desk();
    let requests = (0..32).map(|_| {
        let request = keyed(account, "key-1", World::order(&customer, &[(product, 1)]));
        let desk = desk.clone();
        tokio::spawn(async move { desk.place(request).await })
    });
    let mut placed = Vec::new();
    let mut replayed = Vec::new();
    for answer in join_all(requests).await {
        match answer.unwrap().unwrap() {
            Outcome::Placed(order) => placed.push(order),
            Outcome::Replayed(order) => replayed.push(order),
        }
    }
    assert_eq!((placed.len(), replayed.len()), (1, 31));
    assert!(replayed.iter().all(|order| *order == placed[0]));
    assert_eq!(world.available(product).await, 49);
    assert_eq!(world.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn one_key_for_different_orders_of_different_products_at_once_makes_one_order() {
    let world = World::ready_to_race().await;
    let customer = world.customer().await;
    let account = world.account().await;
    let desk = world.racing_desk();
    for round in 0..10 {
        // Different products: nothing but the key itself stands between them.
        let mut requests = Vec::new();
        for _ in 0..8 {
            let order = World::order(&customer, &[(world.product(1).await, 1)]);
            requests.push(keyed(account, &format!("key-{round}"), order));
        }
        let answers = requests.into_iter().map(|request| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.place(request).await })
        });
        let mut placed = 0;
        for answer in join_all(answers).await {
            match answer.unwrap() {
                Ok(_) => placed += 1,
                Err(DeskError::Refused(Refusal::KeyReused)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(placed, 1);
    }
    assert_eq!(world.count("select count(*) from orders").await, 10);
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_though_the_order_has_moved_on() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(5).await, world.product(5).await);
    let account = world.account().await;
    let desk = world.racing_desk();
    let request = || {
        let order = World::order(&customer, &[(second, 2), (first, 5)]);
        keyed(account, "key-1", order)
    };
    let Outcome::Placed(placed) = desk.place(request()).await.unwrap() else {
        panic!("nothing was placed before");
    };
    let cancelled = OrderStatus::Cancelled;
    let orders = world.order_service();
    orders
        .transition(&World::staff(), placed.id, cancelled.into(), &Expected::Any)
        .await
        .unwrap();
    let repeated = desk.place(request()).await.unwrap();
    assert_eq!(repeated, Outcome::Replayed(placed));
    assert_eq!(world.available(first).await, 5);
}

#[tokio::test]
async fn old_keys_are_removed_and_young_ones_stay() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(50).await);
    let account = world.account().await;
    let desk = world.racing_desk();
    for key in 0..5 {
        let order = World::order(&customer, &[(product, 1)]);
        desk.place(keyed(account, &format!("key-{key}"), order))
            .await
            .unwrap();
    }
    let age =
        "update idempotency_keys set created_at = now() - interval '25 hours' where key < 'key-3'";
    world.test.client().await.batch_execute(age).await.unwrap();
    let keys: &dyn IdempotencyKeys = &world.orders;
    let moment = World::now() - IdempotencyKey::LIFETIME;
    assert_eq!(keys.remove_before(moment, 2).await.unwrap(), 2);
    assert_eq!(keys.remove_before(moment, 2).await.unwrap(), 1);
    assert_eq!(keys.remove_before(moment, 2).await.unwrap(), 0);
    assert_eq!(
        world.count("select count(*) from idempotency_keys").await,
        2
    );
    assert_eq!(world.count("select count(*) from orders").await, 5);
}
