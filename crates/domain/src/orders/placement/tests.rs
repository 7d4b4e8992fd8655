//! The placement decision, by example and by property.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::fixtures::{
    CountingIds, account_id, actor, keyed, new_order, now, price_of, product_id, scoped, state,
};

/// A request of account 1.
fn unkeyed(order: NewOrder) -> Request {
    Request::new(actor(1), order)
}

/// Decides over this stock, with customers 1 to 3, without keys.
fn plan_over(stock: &[(u128, i64)], batch: &[NewOrder]) -> Plan {
    let batch: Vec<_> = batch.iter().cloned().map(unkeyed).collect();
    let state = state(stock, &[1, 2, 3]);
    decide(state, &batch, now(), &CountingIds::default())
}

/// The same, when nothing can be a replay.
fn decide_over(stock: &[(u128, i64)], batch: &[NewOrder]) -> Vec<Result<Order, Refusal>> {
    let answers = plan_over(stock, batch).into_answers().into_iter();
    answers
        .map(|answer| {
            answer.map(|outcome| match outcome {
                Outcome::Placed(order) => order,
                Outcome::Replayed(order) => panic!("{} has no key", order.id),
            })
        })
        .collect()
}

#[test]
fn an_order_is_placed_whole_at_the_prices_of_the_moment() {
    let answers = decide_over(&[(1, 5), (2, 5)], &[new_order(1, &[(2, 5), (1, 1)])]);
    let order = answers[0].as_ref().unwrap();
    assert_eq!(order.placed_at, now());
    assert_eq!(order.version, Version::FIRST);
    let sold: Vec<_> = order
        .items
        .iter()
        .map(|item| (item.product_id, item.quantity.units(), item.unit_price))
        .collect();
    assert_eq!(
        sold,
        [
            (product_id(2), 5, price_of(2)),
            (product_id(1), 1, price_of(1))
        ]
    );
}

#[test]
fn every_short_line_is_named_with_what_was_available() {
    let answers = decide_over(
        &[(1, 1), (2, 9), (3, 0)],
        &[new_order(1, &[(1, 2), (2, 9), (3, 1)])],
    );
    let Err(Refusal::InsufficientStock { lines }) = &answers[0] else {
        panic!("two lines are short, got {answers:?}");
    };
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.product_id,
                line.requested.units(),
                line.available.units(),
            )
        })
        .collect();
    assert_eq!(told, [(product_id(1), 2, 1), (product_id(3), 1, 0)]);
}

#[test]
fn two_lines_of_one_product_count_as_their_sum() {
    let answers = decide_over(&[(1, 5)], &[new_order(1, &[(1, 3), (1, 3)])]);
    assert!(matches!(
        answers[..],
        [Err(Refusal::InsufficientStock { .. })]
    ));
}

#[test]
fn earlier_orders_win_and_a_refused_one_leaves_its_units_to_the_next() {
    let batch = [
        new_order(1, &[(1, 2)]),
        new_order(2, &[(1, 2), (2, 1)]),
        new_order(3, &[(1, 1), (2, 1)]),
    ];
    let placed: Vec<_> = decide_over(&[(1, 3), (2, 1)], &batch)
        .iter()
        .map(Result::is_ok)
        .collect();
    assert_eq!(placed, [true, false, true]);
}

#[test]
fn what_does_not_exist_is_named_before_what_is_short() {
    let answers = decide_over(&[(1, 0)], &[new_order(1, &[(8, 1), (1, 1), (9, 1)])]);
    assert_eq!(
        answers[0],
        Err(Refusal::UnknownProducts {
            products: vec![product_id(8), product_id(9)]
        })
    );
    let answers = decide_over(&[(1, 1)], &[new_order(4, &[(1, 1)])]);
    assert_eq!(answers[0], Err(Refusal::UnknownCustomer));
}

/// Stock of products 1 to 6 (7 and 8 do not exist), and a batch of orders by customers 1 to 4 (4
/// does not exist) that often ask for the same products, and often for too many units.
fn stock_and_batch() -> impl Strategy<Value = (Vec<(u128, i64)>, Vec<NewOrder>)> {
    let stock = vec(0_i64..30, 6).prop_map(|levels| (1..).zip(levels).collect());
    let lines = vec((1_u128..=8, 1_i64..12), 1..6);
    let order = (1_u128..=4, lines).prop_map(|(customer, lines)| new_order(customer, &lines));
    (stock, vec(order, 1..40))
}

/// The units that an order asks for, by product.
fn asked(order: &NewOrder) -> BTreeMap<ProductId, i64> {
    let lines = order.lines().iter();
    lines
        .map(|line| (line.product_id, i64::from(line.quantity.units())))
        .collect()
}

proptest! {
    #[test]
    fn no_product_goes_below_zero((stock, batch) in stock_and_batch()) {
        let plan = plan_over(&stock, &batch);
        let levels: BTreeMap<_, _> = stock
            .iter()
            .map(|&(id, level)| (product_id(id), level))
            .collect();
        for (product, taken) in plan.taken() {
            prop_assert!(taken <= levels[&product]);
        }
    }

    #[test]
    fn an_accepted_order_is_whole_and_a_refused_one_moves_nothing((stock, batch) in stock_and_batch()) {
        let plan = plan_over(&stock, &batch);
        let mut taken = BTreeMap::<_, i64>::new();
        let answers = decide_over(&stock, &batch);
        prop_assert_eq!(answers.len(), batch.len());
        for (answer, order) in answers.iter().zip(&batch) {
            let Ok(placed) = answer else { continue };
            prop_assert_eq!(placed.customer_id, order.customer_id());
            let items: Vec<_> = placed.items.iter().map(OrderLine::from).collect();
            prop_assert_eq!(items, order.lines());
            for (product, units) in asked(order) {
                *taken.entry(product).or_default() += units;
            }
        }
        prop_assert_eq!(taken, plan.taken());
    }

    /// The converse: an order is placed exactly when its customer and products exist and it fits
    /// into what the accepted orders before it have left.
    #[test]
    fn earlier_orders_win((stock, batch) in stock_and_batch()) {
        let mut left: BTreeMap<_, i64> = stock
            .iter()
            .map(|&(id, level)| (product_id(id), level))
            .collect();
        for (answer, order) in decide_over(&stock, &batch).iter().zip(&batch) {
            let asked = asked(order);
            let exists = (1..=3).any(|id| order.customer_id() == crate::fixtures::customer_id(id));
            let fits = asked.iter().all(|(id, units)| left.get(id).is_some_and(|l| l >= units));
            prop_assert_eq!(answer.is_ok(), exists && fits);
            if answer.is_ok() {
                for (id, units) in asked {
                    *left.get_mut(&id).unwrap() -= units;
                }
            }
        }
    }

    #[test]
    fn every_id_is_new((stock, batch) in stock_and_batch()) {
        let plan = plan_over(&stock, &batch);
        let orders: Vec<_> = plan.accepted().map(|order| order.id.as_uuid()).collect();
        let items = plan.accepted().flat_map(|order| &order.items).map(|item| item.id.as_uuid());
        let ids: Vec<_> = orders.into_iter().chain(items).collect();
        let distinct: HashSet<_> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len());
    }

    /// Keys change nothing except that a repeat gets the first answer: the other requests are
    /// decided as if there were no keys.
    #[test]
    fn a_key_is_placed_once_and_changes_nothing_else(
        (stock, batch) in stock_and_batch(),
        keys in vec(0_u8..6, 40),
    ) {
        // Keys 1 to 5; 0 is no key.
        let requests: Vec<_> = batch
            .iter()
            .zip(&keys)
            .map(|(order, key)| match key {
                0 => unkeyed(order.clone()),
                key => keyed(&format!("key-{key}"), order.clone()),
            })
            .collect();
        let state = state(&stock, &[1, 2, 3]);
        let plan = decide(state, &requests, now(), &CountingIds::default());
        let mut first = BTreeMap::new();
        let mut decided = Vec::new();
        for ((answer, order), key) in plan.clone().into_answers().into_iter().zip(&batch).zip(&keys) {
            match (first.get(key), answer) {
                (Some((asked, placed)), Ok(Outcome::Replayed(replayed))) => {
                    prop_assert_eq!(*asked, order);
                    prop_assert_eq!(placed, &replayed);
                }
                (Some((asked, _)), Err(Refusal::KeyReused)) => prop_assert_ne!(*asked, order),
                (None, Ok(Outcome::Placed(placed))) => {
                    if *key > 0 {
                        first.insert(*key, (order, placed));
                    }
                    decided.push((order.clone(), true));
                }
                (None, Err(refusal)) => {
                    prop_assert_ne!(refusal, Refusal::KeyReused);
                    decided.push((order.clone(), false));
                }
                (known, answer) => prop_assert!(false, "{known:?} was answered {answer:?}"),
            }
        }
        let orders: Vec<_> = decided.iter().map(|(order, _)| order.clone()).collect();
        for (answer, (_, placed)) in decide_over(&stock, &orders).iter().zip(&decided) {
            prop_assert_eq!(answer.is_ok(), *placed);
        }
        let written: Vec<_> = plan.keys().iter().map(|(key, _, id)| (key.clone(), *id)).collect();
        let expected: BTreeMap<_, _> = first
            .iter()
            .map(|(key, (_, placed))| (scoped(&format!("key-{key}")), placed.id))
            .collect();
        prop_assert_eq!(written.len(), expected.len());
        prop_assert_eq!(written.into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
}

/// A state in which `key-1` stands for this order, which has been paid since.
fn keyed_before(order: &NewOrder) -> (State, Order) {
    let placed = decide_over(&[(1, 5)], std::slice::from_ref(order))
        .remove(0)
        .unwrap();
    let keyed = Keyed {
        fingerprint: order.fingerprint(),
        order: Order {
            status: OrderStatus::Paid,
            version: Version::FIRST.next(),
            ..placed.clone()
        },
    };
    let mut state = state(&[(1, 0)], &[1]);
    state.keyed.insert(scoped("key-1"), keyed);
    (state, placed)
}

#[test]
fn a_repeat_is_answered_as_the_first_was_even_when_nothing_is_left() {
    let order = new_order(1, &[(1, 5)]);
    let (state, placed) = keyed_before(&order);
    let batch = [keyed("key-1", order)];
    let plan = decide(state, &batch, now(), &CountingIds::default());
    assert_eq!(plan.accepted().count(), 0);
    assert!(plan.keys().is_empty());
    assert_eq!(plan.into_answers(), [Ok(Outcome::Replayed(placed))]);
}

#[test]
fn a_key_does_not_stand_for_two_requests() {
    let (state, _) = keyed_before(&new_order(1, &[(1, 5)]));
    let batch = [keyed("key-1", new_order(1, &[(1, 4)]))];
    let plan = decide(state, &batch, now(), &CountingIds::default());
    assert_eq!(plan.into_answers(), [Err(Refusal::KeyReused)]);
}

#[test]
fn a_key_is_one_accounts_own() {
    let order = new_order(1, &[(1, 1)]);
    let (mut state, _) = keyed_before(&order);
    state.offers = crate::fixtures::state(&[(1, 1)], &[]).offers;
    state.accounts.insert(account_id(2));
    let batch = [Request::new(actor(2), order).under(scoped("key-1").key)];
    let plan = decide(state, &batch, now(), &CountingIds::default());
    assert_eq!(plan.accepted().count(), 1);
}

#[test]
fn an_account_that_is_gone_places_nothing_not_even_a_repeat() {
    let order = new_order(1, &[(1, 1)]);
    let (mut state, _) = keyed_before(&order);
    state.accounts.clear();
    let batch = [unkeyed(order.clone()), keyed("key-1", order)];
    let plan = decide(state, &batch, now(), &CountingIds::default());
    let gone = || Err(Refusal::UnknownAccount);
    assert_eq!(plan.into_answers(), [gone(), gone()]);
}

#[test]
fn an_order_of_a_locked_product_is_refused_and_a_repeat_of_it_is_not() {
    let order = new_order(1, &[(1, 1), (2, 1)]);
    let mut state = state(&[(1, 1)], &[1]);
    state.held.insert(product_id(2));
    let batch = [unkeyed(order), unkeyed(new_order(1, &[(1, 1)]))];
    let answers = decide(state, &batch, now(), &CountingIds::default()).into_answers();
    let product_id = product_id(2);
    assert_eq!(answers[0], Err(Refusal::Held { product_id }));
    assert!(answers[1].is_ok(), "the first has taken nothing");

    let order = new_order(1, &[(1, 5)]);
    let (mut state, placed) = keyed_before(&order);
    state.offers.clear();
    state.held.insert(crate::fixtures::product_id(1));
    let plan = decide(
        state,
        &[keyed("key-1", order)],
        now(),
        &CountingIds::default(),
    );
    assert_eq!(plan.into_answers(), [Ok(Outcome::Replayed(placed))]);
}

#[test]
fn a_quote_answers_what_placing_would_and_takes_nothing() {
    let state = state(&[(1, 3)], &[1]);
    let quote = |units| {
        let request = unkeyed(new_order(1, &[(1, units)]));
        quote(&state, &request, now(), &CountingIds::default())
    };
    let order = new_order(1, &[(1, 3)]);
    for _ in 0..2 {
        assert_eq!(
            quote(3),
            decide_over(&[(1, 3)], std::slice::from_ref(&order)).remove(0)
        );
    }
    assert!(matches!(quote(4), Err(Refusal::InsufficientStock { .. })));
}
