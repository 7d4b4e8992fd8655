//! The transitions of an order.

use super::*;
use crate::{
    fixtures::{caller, customer_id, order},
    identity::Principal,
};
use OrderStatus::{Cancelled, Delivered, Paid, Pending, Shipped};

/// The transition table, written a second time.
const TRANSITIONS: [(OrderStatus, OrderStatus); 5] = [
    (Pending, Paid),
    (Pending, Cancelled),
    (Paid, Shipped),
    (Paid, Cancelled),
    (Shipped, Delivered),
];

fn every_pair() -> impl Iterator<Item = (OrderStatus, OrderStatus)> {
    OrderStatus::ALL
        .into_iter()
        .flat_map(|from| OrderStatus::ALL.map(|to| (from, to)))
}

#[test]
fn the_shop_can_make_every_transition_of_the_table_and_no_other() {
    for (from, to) in every_pair() {
        for by in [Principal::Admin, Principal::Staff] {
            let order = order(from);
            let outcome = order.transition_to(to, &caller(by));
            if from == to {
                assert_eq!(outcome, Ok(None));
            } else if TRANSITIONS.contains(&(from, to)) {
                let Ok(Some(transition)) = outcome else {
                    panic!("{from} to {to} is a transition, got {outcome:?}");
                };
                assert_eq!(transition.order.status, to);
                assert_eq!(transition.order.version, order.version.next());
                assert_eq!(transition.order.items, order.items);
                let lines: Vec<_> = order.items.iter().map(OrderLine::from).collect();
                let expected = if to == Cancelled { lines } else { Vec::new() };
                assert_eq!(transition.returned, expected);
            } else {
                assert_eq!(outcome, Err(TransitionRefused::Illegal { from, to }));
            }
        }
    }
}

#[test]
fn a_customer_can_cancel_what_is_pending_and_nothing_else() {
    let customer = caller(Principal::Customer(customer_id(1)));
    for (from, to) in every_pair() {
        let outcome = order(from).transition_to(to, &customer);
        if from == to {
            assert_eq!(outcome, Ok(None));
        } else if (from, to) == (Pending, Cancelled) {
            assert!(matches!(outcome, Ok(Some(_))));
        } else {
            assert!(outcome.is_err(), "{from} to {to}");
        }
    }
    assert_eq!(
        order(Pending).transition_to(Paid, &customer),
        Err(TransitionRefused::NotForCustomers {
            from: Pending,
            to: Paid
        })
    );
    assert_eq!(
        order(Paid).transition_to(Cancelled, &customer),
        Err(TransitionRefused::NotForCustomers {
            from: Paid,
            to: Cancelled
        })
    );
    assert_eq!(
        order(Shipped).transition_to(Cancelled, &customer),
        Err(TransitionRefused::Illegal {
            from: Shipped,
            to: Cancelled
        })
    );
}
