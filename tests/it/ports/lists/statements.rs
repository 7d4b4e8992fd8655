//! How many statements a page costs.

use adapters_postgres::{Database, DatabaseSettings, PgCatalog, PgCustomers, PgOrders};
use domain::{
    catalog::{ProductRepository, ProductSort, ProductsFilter},
    customers::{CustomerRepository, CustomerSort, CustomersFilter},
    orders::{OrderRepository, OrderSort, OrdersFilter},
    values::{Freshness, Limit, Page, PageRequest, Position, SearchTerms, Sort},
};
use integration_tests::{Proxy, World};

/// How many products, customers and orders there are: more than fit on the longest page.
const ROWS: i64 = 150;

/// So many of everything; each order has two items.
async fn fill(world: &World) {
    let fill = format!(
        "insert into customers (id, nome, email, created_at)
         select gen_random_uuid(), 'Ana ' || n, n || '@example.com', now()
         from generate_series(1, {ROWS}) as n;
         insert into products (id, nome, preco, created_at)
         select gen_random_uuid(), 'Café ' || n, n, now()
         from generate_series(1, {ROWS}) as n;
         insert into product_words (word)
         select distinct unnest(tsvector_to_array(words)) from products;
         insert into stock (id, product_id, quantidade_disponivel)
         select gen_random_uuid(), id, 1 from products;
         insert into orders (id, customer_id, data_order, status)
         select gen_random_uuid(), id, now(), 'pending' from customers;
         insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
         select gen_random_uuid(), orders.id, two.id, 1, 1
         from orders cross join (select id from products order by id limit 2) as two;"
    );
    let client = world.test.client().await;
    client.batch_execute(&fill).await.unwrap();
}

/// Reads pages of one entry and of a hundred, the first and the second, and returns how many
/// statements each of them took. Every statement is prepared by then.
async fn costs<T>(proxy: &Proxy, page: impl AsyncFn(PageRequest) -> Page<T>) -> Vec<usize> {
    let request = |limit, after: &Option<Position>| PageRequest {
        limit: Limit::parse(limit).unwrap(),
        after: after.clone(),
        freshness: Freshness::Latest,
    };
    let first = page(request(1, &None)).await.next;
    assert!(first.is_some());
    let _ = page(request(1, &first)).await;
    let mut costs = Vec::new();
    for after in [&None, &first] {
        for limit in [1, 100] {
            let before = proxy.statements();
            let found = page(request(limit, after)).await;
            assert_eq!(found.items.len(), usize::try_from(limit).unwrap());
            costs.push(proxy.statements() - before);
        }
    }
    costs
}

#[tokio::test]
async fn a_page_costs_as_many_statements_as_every_other_however_long_it_is() {
    let world = World::new().await;
    fill(&world).await;
    let proxy = Proxy::to_database(&world.test).await;
    let settings = DatabaseSettings::parse(&proxy.database_url(&world.test), 2).unwrap();
    let database = Database::new(&settings).unwrap();
    let catalog = PgCatalog::new(&database);
    let (customers, orders) = (PgCustomers::new(&database), PgOrders::new(&database));

    let all = OrdersFilter::default();
    let latest = Sort::descending(OrderSort::PlacedAt);
    let page = async |request| orders.page(&all, latest, &request).await.unwrap();
    assert_eq!(costs(&proxy, page).await, [1, 1, 1, 1]);

    let all = CustomersFilter::default();
    let by_name = Sort::ascending(CustomerSort::Name);
    let page = async |request| customers.page(&all, by_name, &request).await.unwrap();
    assert_eq!(costs(&proxy, page).await, [1, 1, 1, 1]);

    let by_price = Sort::ascending(ProductSort::Price);
    for (search, expected) in [(None, 1), (Some("cafe"), 2)] {
        let filter = ProductsFilter {
            terms: search.map(|text| SearchTerms::parse(text).unwrap()),
            ..ProductsFilter::default()
        };
        let page = async |request| catalog.page(&filter, by_price, &request).await.unwrap();
        // What a search means is asked first.
        assert_eq!(costs(&proxy, page).await, [expected; 4]);
    }
}
