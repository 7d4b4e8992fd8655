//! A shop behind the ports: for tests that need no HTTP.

use std::{sync::Arc, time::Duration};

use adapters_postgres::{
    Database, PgAccounts, PgCatalog, PgCustomers, PgOrders, PgSessions, PgStock,
};
use adapters_redis::InProcessCache;
use domain::{
    Clock, IdSource,
    catalog::{Product, ProductId, ProductRepository},
    customers::{Customer, CustomerId, CustomerRepository},
    identity::{
        Account, AccountId, AccountRepository, Actor, Caller, ClientAddress, Device, PasswordHash,
        Principal, Role, Session, SessionId, TokenHash,
    },
    orders::{
        Desk, DeskError, DeskSettings, LockWait, NewOrder, Order, OrderLine, OrderService,
        PlacementStore,
        placement::{Outcome, Plan, Refusal, Request, Scope, State, decide},
    },
    stock::{
        MovementId, NewStock, Reconciliation, Stamp, Stock, StockId, StockLevel, StockRepository,
        StockService,
    },
    unit_of_work::Opened,
    values::{Email, Name, Price, Quantity, UserAgent, Version},
};
use futures_util::{TryStreamExt as _, future::join_all};
use http_actix::adapters::{SystemClock, UuidV7Source};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{TestDatabase, server::DESK};

/// The size of the pool.
const MAX_CONNECTIONS: usize = 16;

/// A shop in a database of its own.
pub struct World {
    /// The pool. Declared first, so that it lets go of the database before that is dropped.
    pub database: Database,
    /// Customers.
    pub customers: PgCustomers,
    /// The catalogue.
    pub catalog: PgCatalog,
    /// Stock.
    pub stock: PgStock,
    /// Orders.
    pub orders: PgOrders,
    /// Accounts.
    pub accounts: PgAccounts,
    /// Sessions.
    pub sessions: PgSessions,
    /// The database.
    pub test: TestDatabase,
    /// The account that places orders here.
    pub shop: Actor,
}

impl World {
    /// An empty shop.
    pub async fn new() -> Self {
        Self::on(TestDatabase::migrated().await).await
    }

    /// An empty shop in this database.
    pub async fn on(test: TestDatabase) -> Self {
        let database = test.pool(MAX_CONNECTIONS);
        let accounts = PgAccounts::new(&database);
        let account_id = Self::account_in(&accounts).await;
        let shop = Actor::new(account_id, Role::Staff, None);
        Self {
            customers: PgCustomers::new(&database),
            catalog: PgCatalog::new(&database),
            stock: PgStock::new(&database),
            orders: PgOrders::new(&database),
            sessions: PgSessions::new(&database),
            accounts,
            database,
            test,
            shop,
        }
    }

    /// A shop all of whose connections are open already: a race that had to connect first would
    /// be none.
    pub async fn ready_to_race() -> Self {
        let world = Self::new().await;
        let nothing = Scope::of(&[]);
        let open = (0..MAX_CONNECTIONS).map(|_| world.open(&nothing));
        for open in join_all(open).await {
            open.unit.abandon().await.unwrap();
        }
        assert_eq!(world.database.connections_of_the_desk(), MAX_CONNECTIONS);
        world
    }

    /// Lets go of every connection of the pools.
    #[must_use]
    pub fn close(self) -> TestDatabase {
        self.test
    }

    /// Now, as storage keeps it.
    #[must_use]
    pub fn now() -> OffsetDateTime {
        SystemClock.now()
    }

    /// A new id.
    #[must_use]
    pub fn id() -> Uuid {
        UuidV7Source.next_id()
    }

    /// A customer who is in storage.
    pub async fn customer(&self) -> Customer {
        let customer = Self::a_customer(&format!("{}@example.com", Self::id().simple()));
        let customers: &dyn CustomerRepository = &self.customers;
        customers.insert(&customer, None, None, None).await.unwrap();
        customer
    }

    /// A customer who is not in storage yet.
    #[must_use]
    pub fn a_customer(email: &str) -> Customer {
        Customer {
            id: CustomerId::new(Self::id()),
            name: Name::parse("Ana Souza").unwrap(),
            email: Email::parse(email).unwrap(),
            created_at: Self::now(),
            version: Version::FIRST,
        }
    }

    /// An account that is in storage.
    pub async fn account(&self) -> AccountId {
        Self::account_in(&self.accounts).await
    }

    async fn account_in(accounts: &PgAccounts) -> AccountId {
        let email = format!("{}@example.com", Self::id().simple());
        let account = Self::an_account(&email, Principal::Staff);
        accounts.insert(&account, &Self::operator()).await.unwrap();
        account.id
    }

    /// Whoever runs commands.
    #[must_use]
    pub fn operator() -> Actor {
        (&Caller::OPERATOR).into()
    }

    /// An account that is not in storage yet.
    #[must_use]
    pub fn an_account(email: &str, principal: Principal) -> Account {
        Account {
            id: AccountId::new(Self::id()),
            email: Email::parse(email).unwrap(),
            password_hash: PasswordHash::new("hashed".to_owned()),
            principal,
            created_at: Self::now(),
            disabled_at: None,
            version: Version::FIRST,
        }
    }

    /// A session that is not in storage yet.
    #[must_use]
    pub fn a_session(account: &Account) -> Session {
        let now = Self::now();
        Session {
            id: SessionId::new(Self::id()),
            account_id: account.id,
            created_at: now,
            used_at: now,
            expires_at: now + time::Duration::DAY,
            device: Device {
                address: ClientAddress::LOCAL,
                user_agent: UserAgent::cut("tests"),
            },
            family: TokenHash::from_bytes([1; 32]),
            token: TokenHash::from_bytes([2; 32]),
            rotation: None,
        }
    }

    /// A product that is in storage, at 19.90.
    pub async fn product(&self, stock: i64) -> ProductId {
        let product = Product {
            id: ProductId::new(Self::id()),
            name: Name::parse("Café").unwrap(),
            description: None,
            price: Price::parse("19.90").unwrap(),
            sku: None,
            created_at: Self::now(),
            retired_at: None,
            version: Version::FIRST,
        };
        let stock = self.new_stock(product.id, stock);
        self.catalog
            .insert(&product, &stock, None, &self.shop)
            .await
            .unwrap();
        product.id
    }

    /// The stock of a new product.
    #[must_use]
    pub fn new_stock(&self, product_id: ProductId, units: i64) -> NewStock {
        let stock = Stock {
            id: StockId::new(Self::id()),
            product_id,
            available: StockLevel::parse(units).unwrap(),
        };
        stock.opened(Stamp {
            id: MovementId::new(Self::id()),
            at: Self::now(),
            by: self.shop.clone(),
        })
    }

    /// The use cases of stock over this storage.
    #[must_use]
    pub fn stock_service(&self) -> StockService {
        let stock = Arc::new(self.stock.clone());
        StockService::new(stock, Arc::new(SystemClock), Arc::new(UuidV7Source))
    }

    /// The levels of all products and their ledgers, compared.
    pub async fn books(&self) -> Reconciliation {
        let entries: Vec<_> = self.stock.books().batches.try_concat().await.unwrap();
        let mut books = Reconciliation::default();
        for entry in entries {
            books.take(entry);
        }
        books
    }

    /// The units of a product that can be ordered.
    pub async fn available(&self, product: ProductId) -> i64 {
        self.stock
            .find(product)
            .await
            .unwrap()
            .unwrap()
            .available
            .units()
    }

    /// An order that somebody wants to place.
    #[must_use]
    pub fn order(customer: &Customer, lines: &[(ProductId, i64)]) -> NewOrder {
        let line = |&(product_id, units): &(ProductId, i64)| OrderLine {
            product_id,
            quantity: Quantity::parse(units).unwrap(),
        };
        let lines: Vec<_> = lines.iter().map(line).collect();
        NewOrder::new(customer.id, &lines).unwrap()
    }

    /// A request for that order.
    #[must_use]
    pub fn request(&self, customer: &Customer, lines: &[(ProductId, i64)]) -> Request {
        Request::new(self.shop.clone(), Self::order(customer, lines))
    }

    /// Begins a placement.
    ///
    /// # Panics
    ///
    /// When storage fails.
    pub async fn open(&self, scope: &Scope) -> Opened<State, Plan> {
        let open = PlacementStore::open(&self.orders, scope, LockWait::Briefly);
        open.await.unwrap()
    }

    /// A desk over this storage at which every order races with every other: each is placed on
    /// its own, and as many at once as there are connections.
    #[must_use]
    pub fn racing_desk(&self) -> Desk {
        let settings = DeskSettings {
            workers: MAX_CONNECTIONS,
            max_batch: 1,
            min_parallel_batch: 1,
            ..DESK
        };
        let store = Arc::new(self.orders.clone());
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Source));
        let (desk, tasks) = Desk::open(store, clock, ids, None, settings);
        for task in tasks {
            tokio::spawn(task);
        }
        desk
    }

    /// Places a batch in one transaction, as a worker of the desk does.
    pub async fn place_batch(&self, batch: &[Request]) -> Vec<Result<Outcome, Refusal>> {
        let open = self.open(&Scope::of(batch)).await;
        let plan = decide(open.state, batch, Self::now(), &UuidV7Source);
        open.unit.commit(&plan).await.unwrap();
        plan.into_answers()
    }

    /// Places one order.
    ///
    /// # Errors
    ///
    /// When the order is refused.
    pub async fn place(
        &self,
        customer: &Customer,
        lines: &[(ProductId, i64)],
    ) -> Result<Order, Refusal> {
        let request = self.request(customer, lines);
        match self.racing_desk().place(request).await {
            Ok(Outcome::Placed(order) | Outcome::Replayed(order)) => Ok(order),
            Err(DeskError::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }

    /// The order use cases over this storage.
    #[must_use]
    pub fn order_service(&self) -> OrderService {
        let orders = Arc::new(self.orders.clone());
        let cache = Arc::new(InProcessCache::new(Duration::from_mins(5)));
        OrderService::new(
            self.racing_desk(),
            orders.clone(),
            orders,
            cache,
            Arc::new(SystemClock),
        )
    }

    /// Somebody of the shop.
    #[must_use]
    pub fn staff() -> Caller {
        Caller::new(AccountId::new(Self::id()), Principal::Staff)
    }

    /// One number from the database, past the product.
    pub async fn count(&self, query: &str) -> i64 {
        let client = self.test.client().await;
        client.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Fails when a connection of the pool is left in an open transaction, with its locks. The
    /// server itself ends such a session after ten seconds, which would be too late.
    pub async fn no_transaction_is_left_open(&self) {
        let open = "
            select count(*)
            from pg_stat_activity
            where datname = current_database() and state like 'idle in transaction%'";
        let none_is_open = || async { self.count(open).await == 0 };
        let check = crate::eventually("no transaction is open", none_is_open);
        Self::soon("closing a transaction", check).await;
    }

    /// Fails when something takes longer than it may: a lock that was left behind, for one.
    ///
    /// # Panics
    ///
    /// When it takes longer than three seconds.
    pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
        let soon = tokio::time::timeout(Duration::from_secs(3), work);
        soon.await
            .unwrap_or_else(|_| panic!("{what} took too long"))
    }
}
