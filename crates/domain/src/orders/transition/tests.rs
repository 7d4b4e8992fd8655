//! The transitions of an order.

use super::*;
use crate::{
    fixtures::{caller, customer_id, now, order},
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

fn decide(
    order: &Order,
    to: OrderStatus,
    by: &Caller,
) -> Result<Option<Transition>, TransitionRefused> {
    order.transition(to.into(), by, now())
}

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
            let outcome = decide(&order, to, &caller(by));
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
        let outcome = decide(&order(from), to, &customer);
        if from == to {
            assert_eq!(outcome, Ok(None));
        } else if (from, to) == (Pending, Cancelled) {
            assert!(matches!(outcome, Ok(Some(_))));
        } else {
            assert!(outcome.is_err(), "{from} to {to}");
        }
    }
    assert_eq!(
        decide(&order(Pending), Paid, &customer),
        Err(TransitionRefused::NotForCustomers {
            from: Pending,
            to: Paid
        })
    );
    assert_eq!(
        decide(&order(Paid), Cancelled, &customer),
        Err(TransitionRefused::NotForCustomers {
            from: Paid,
            to: Cancelled
        })
    );
    assert_eq!(
        decide(&order(Shipped), Cancelled, &customer),
        Err(TransitionRefused::Illegal {
            from: Shipped,
            to: Cancelled
        })
    );
}

#[test]
fn what_a_caller_may_do_next_is_what_would_not_be_refused() {
    let customer = caller(Principal::Customer(customer_id(1)));
    for by in [customer, caller(Principal::Staff)] {
        for from in OrderStatus::ALL {
            let order = order(from);
            let told = order.transitions_for(&by);
            let possible = |to: &OrderStatus| matches!(decide(&order, *to, &by), Ok(Some(_)));
            let possible = OrderStatus::ALL.into_iter().filter(possible);
            assert_eq!(told, possible.collect::<Vec<_>>(), "from {from}");
        }
    }
}

#[test]
fn a_transition_says_who_made_it_and_what_they_noted() {
    let staff = caller(Principal::Staff);
    let request = TransitionRequest {
        to: Paid,
        note: Some(Note::parse("by Pix").unwrap()),
    };
    let made = order(Pending).transition(request.clone(), &staff, now());
    let made = made.unwrap().unwrap();
    assert_eq!(
        (made.at, made.by, made.note),
        (now(), Actor::from(&staff), request.note)
    );
}
