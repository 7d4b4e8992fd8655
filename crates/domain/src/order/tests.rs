//! The life of an order, and what may be ordered.

use super::*;
use crate::fixtures::{customer_id, line, order, product_id};
use OrderStatus::{Cancelled, Delivered, Paid, Pending, Shipped};

/// The transition table, written a second time: what moves exist.
const MOVES: [(OrderStatus, OrderStatus); 5] = [
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
fn the_shop_can_make_every_move_of_the_table_and_no_other() {
    for (from, to) in every_pair() {
        for by in [Principal::Admin, Principal::Staff] {
            let order = order(from);
            let outcome = order.move_to(to, by);
            if from == to {
                assert_eq!(outcome, Ok(Move::Unchanged));
            } else if MOVES.contains(&(from, to)) {
                let Ok(Move::Changed(change)) = outcome else {
                    panic!("{from} to {to} is a move, got {outcome:?}");
                };
                assert_eq!(change.order.status, to);
                assert_eq!(change.order.version, order.version.next());
                assert_eq!(change.order.items, order.items);
                let lines: Vec<_> = order.items.iter().map(OrderLine::from).collect();
                let expected = if to == Cancelled { lines } else { Vec::new() };
                assert_eq!(change.returned, expected);
            } else {
                assert_eq!(outcome, Err(MoveRefused::Illegal { from, to }));
            }
        }
    }
}

#[test]
fn a_customer_can_cancel_what_is_pending_and_nothing_else() {
    let customer = Principal::Customer(customer_id(1));
    for (from, to) in every_pair() {
        let outcome = order(from).move_to(to, customer);
        if from == to {
            assert_eq!(outcome, Ok(Move::Unchanged));
        } else if (from, to) == (Pending, Cancelled) {
            assert!(matches!(outcome, Ok(Move::Changed(_))));
        } else {
            assert!(outcome.is_err(), "{from} to {to}");
        }
    }
    assert_eq!(
        order(Pending).move_to(Paid, customer),
        Err(MoveRefused::NotACustomersMove {
            from: Pending,
            to: Paid
        })
    );
    assert_eq!(
        order(Paid).move_to(Cancelled, customer),
        Err(MoveRefused::NotACustomersMove {
            from: Paid,
            to: Cancelled
        })
    );
    assert_eq!(
        order(Shipped).move_to(Cancelled, customer),
        Err(MoveRefused::Illegal {
            from: Shipped,
            to: Cancelled
        })
    );
}

#[test]
fn lines_of_one_product_become_one_line_with_the_sum() {
    let order = NewOrder::new(customer_id(1), &[line(2, 5), line(1, 1), line(2, 7)]).unwrap();
    assert_eq!(order.lines().len(), 2);
    assert_eq!(
        order.lines()[0],
        OrderLine {
            product_id: product_id(2),
            quantity: Quantity::parse(12).unwrap(),
        }
    );
}

#[test]
fn an_order_has_one_to_a_hundred_lines() {
    let place = |lines: usize| NewOrder::new(customer_id(1), &vec![line(1, 10_000); lines]);
    assert!(matches!(place(0), Err(ValueError::TooShort { min: 1, .. })));
    assert_eq!(place(100).unwrap().lines()[0].quantity.units(), 1_000_000);
    assert!(matches!(
        place(101),
        Err(ValueError::TooLong { max: 100, .. })
    ));
}

#[test]
fn a_line_asks_for_one_to_ten_thousand_units() {
    assert!(Quantity::parse(1).is_ok());
    assert!(Quantity::parse(10_000).is_ok());
    for units in [0, -1, 10_001, i64::MAX] {
        assert!(Quantity::parse(units).is_err());
    }
}

#[test]
fn a_total_is_the_sum_of_quantity_times_price() {
    let order = order(Pending);
    let by_hand: rust_decimal::Decimal = order
        .items
        .iter()
        .map(|item| {
            item.unit_price.as_decimal() * rust_decimal::Decimal::from(item.quantity.units())
        })
        .sum();
    assert_eq!(order.total().as_decimal(), by_hand);
}

#[test]
fn a_status_has_one_name() {
    for status in OrderStatus::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
    }
    assert!("Paid".parse::<OrderStatus>().is_err());
}
