//! `OrderRepository::page`, over PostgreSQL.

use domain::{
    catalog::ProductId,
    customers::Customer,
    orders::{
        Order, OrderRepository, OrderSort, OrderStatus, OrdersFilter,
        placement::{Outcome, Scope, decide},
    },
    values::Sort,
};
use http_actix::adapters::UuidV7Source;
use integration_tests::World;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{check, moment, walk};

/// What an order is made of: whose it is, what is in it, and the status that it gets.
type Made = (usize, usize, OrderStatus);

/// What is asked for: a customer, a product, a status, and after and before which minutes.
type Asked = (
    Option<usize>,
    Option<usize>,
    Option<OrderStatus>,
    Option<i64>,
    Option<i64>,
);

/// Two customers and two products.
struct Known {
    customers: [Customer; 2],
    products: [ProductId; 2],
}

impl Known {
    async fn of(world: &World) -> Self {
        Self {
            customers: [world.customer().await, world.customer().await],
            products: [world.product(9_999).await, world.product(9_999).await],
        }
    }

    /// The lines of an order: of one product, or of both.
    fn lines(&self, kind: usize) -> Vec<(ProductId, i64)> {
        let [first, second] = self.products;
        match kind {
            0 => vec![(first, 1)],
            1 => vec![(second, 2)],
            _ => vec![(first, 3), (second, 4)],
        }
    }

    fn filter(&self, (customer, product, status, after, before): Asked) -> OrdersFilter {
        OrdersFilter {
            customer_id: customer.map(|n| self.customers[n].id),
            product_id: product.map(|n| self.products[n]),
            status,
            placed_after: after.map(moment),
            placed_before: before.map(moment),
        }
    }
}

/// Places a batch of orders, all at one moment, and gives them their statuses past the product.
async fn place(world: &World, known: &Known, minute: i64, made: &[Made]) -> Vec<Order> {
    let request = |(customer, kind, _): &Made| {
        world.request(&known.customers[*customer], &known.lines(*kind))
    };
    let batch: Vec<_> = made.iter().map(request).collect();
    let open = world.open(&Scope::of(&batch)).await;
    let plan = decide(open.state, &batch, moment(minute), &UuidV7Source);
    open.unit.commit(&plan).await.unwrap();
    let client = world.test.client().await;
    let mut placed = Vec::new();
    for (answer, (_, _, status)) in plan.into_answers().into_iter().zip(made) {
        let Ok(Outcome::Placed(order)) = answer else {
            panic!("there is enough of everything");
        };
        let set = "update orders set status = $2 where id = $1";
        client
            .execute(set, &[&order.id.as_uuid(), &status.as_str()])
            .await
            .unwrap();
        placed.push(Order {
            status: *status,
            ..order
        });
    }
    placed
}

fn contains(filter: &OrdersFilter, order: &Order) -> bool {
    let has = |product| order.items.iter().any(|item| item.product_id == product);
    filter.customer_id.is_none_or(|id| order.customer_id == id)
        && filter.status.is_none_or(|status| order.status == status)
        && filter.product_id.is_none_or(has)
        && filter.placed_after.is_none_or(|end| order.placed_at > end)
        && filter.placed_before.is_none_or(|end| order.placed_at < end)
}

/// What the list has to show of these orders.
fn expected(all: &[Order], filter: &OrdersFilter, is_descending: bool) -> Vec<Order> {
    let mut found: Vec<_> = all
        .iter()
        .filter(|order| contains(filter, order))
        .cloned()
        .collect();
    found.sort_by_key(|order| (order.placed_at, order.id.as_uuid()));
    if is_descending {
        found.reverse();
    }
    found
}

#[test]
fn a_walk_over_orders_is_the_filtered_and_sorted_set_whatever_the_pages() {
    let status = || select(OrderStatus::ALL.to_vec());
    let made = vec(
        (0..4i64, vec((0..2usize, 0..3usize, status()), 1..15)),
        0..5,
    );
    let filter = (
        option::of(0..2usize),
        option::of(0..2usize),
        option::weighted(0.4, status()),
        option::weighted(0.3, 0..4i64),
        option::weighted(0.3, 0..4i64),
    );
    let asked = vec((filter, any::<bool>(), vec(1..=20i64, 1..5)), 12);
    check(&(made, asked), async |(made, asked)| {
        let world = World::new().await;
        let known = Known::of(&world).await;
        let mut all = Vec::new();
        for (minute, batch) in made {
            all.extend(place(&world, &known, minute, &batch).await);
        }
        for (filter, is_descending, limits) in asked {
            let filter = known.filter(filter);
            let sort = Sort {
                by: OrderSort::PlacedAt,
                is_descending,
            };
            let page = async |request| world.orders.page(&filter, sort, &request).await.unwrap();
            let walked = walk(&limits, page).await?;
            let expected = expected(&all, &filter, is_descending);
            prop_assert_eq!(walked, expected, "{:?} {:?} {:?}", filter, sort, limits);
        }
        Ok(())
    });
}
