//! Lists and histories: whose orders there are in them.

use time::OffsetDateTime;

use super::*;
use crate::{
    identity::{AccountId, Role},
    values::{Freshness, Limit},
};

const FIRST_PAGE: PageRequest = PageRequest {
    limit: Limit::TWENTY,
    after: None,
    freshness: Freshness::Recent(None),
};

const LATEST_FIRST: Sort<OrderSort> = Sort::descending(OrderSort::PlacedAt);

fn of(customer: u128) -> OrdersFilter {
    OrdersFilter {
        customer_id: Some(customer_id(customer)),
        ..OrdersFilter::default()
    }
}

#[tokio::test]
async fn a_customer_lists_its_own_as_they_are_now_and_the_shop_whatever_it_asks_for() {
    for (who, asked, listed, freshness) in [
        (
            own_caller(1),
            OrdersFilter::default(),
            of(1),
            Freshness::Latest,
        ),
        (own_caller(1), of(1), of(1), Freshness::Latest),
        (
            caller(Principal::Staff),
            OrdersFilter::default(),
            OrdersFilter::default(),
            Freshness::Recent(None),
        ),
        (
            caller(Principal::Admin),
            of(2),
            of(2),
            Freshness::Recent(None),
        ),
    ] {
        let mut ports = Ports::default();
        ports
            .orders
            .expect_page()
            .withf(move |filter, _, page| *filter == listed && page.freshness == freshness)
            .times(1)
            .returning(|_, _, _| Ok(Page::empty()));
        let service = ports.service();
        let page = service.list(&who, asked, LATEST_FIRST, &FIRST_PAGE);
        assert_eq!(page.await.unwrap(), Page::empty());
    }
}

#[tokio::test]
async fn the_orders_of_another_are_none_and_storage_is_not_asked() {
    let service = Ports::default().service();
    let ana = own_caller(1);
    let page = service.list(&ana, of(2), LATEST_FIRST, &FIRST_PAGE);
    assert_eq!(page.await.unwrap(), Page::empty());
    let export = service.export(&ana, of(2), Freshness::Latest).unwrap();
    assert_eq!(export.count.await.unwrap(), 0);
}

/// A history of customer 1, of which its account 1 and account 2 of the shop have a part each.
fn history() -> History {
    let entry = |account: u128, role| crate::orders::HistoryEntry {
        status: OrderStatus::Pending,
        at: Some(OffsetDateTime::UNIX_EPOCH),
        role: Some(role),
        account_id: Some(crate::fixtures::account_id(account)),
        note: None,
    };
    History {
        customer_id: customer_id(1),
        version: Version::FIRST,
        entries: vec![entry(1, Role::Customer), entry(2, Role::Staff)],
    }
}

#[tokio::test]
async fn a_customer_sees_the_role_but_not_the_account_of_the_shop() {
    let seen = async |who| {
        let mut ports = Ports::default();
        ports
            .orders
            .expect_history()
            .returning(|_| Ok(Some(history())));
        ports.service().history(&who, order_id(1)).await
    };
    let accounts = |history: History| -> Vec<Option<AccountId>> {
        history
            .entries
            .iter()
            .map(|entry| entry.account_id)
            .collect()
    };
    let own = seen(own_caller(1)).await.unwrap();
    assert_eq!(own.entries[1].role, Some(Role::Staff));
    assert_eq!(accounts(own), [Some(crate::fixtures::account_id(1)), None]);
    let shops = seen(caller(Principal::Staff)).await.unwrap();
    assert_eq!(shops, history());
    let anothers = seen(own_caller(2)).await;
    assert!(matches!(anothers, Err(OrderError::NotFound)));
}
