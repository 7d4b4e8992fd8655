//! What the domain asks of the outside: one trait a file, each because a use case needs it.

mod accounts;
mod best_sellers;
mod best_sellers_cache;
mod clock;
mod customer_cache;
mod customers;
mod idempotency_keys;
mod ids;
mod order_cache;
mod orders;
mod passwords;
mod placements;
mod products;
mod sales;
mod status_changes;
mod stock;
mod tokens;

pub use accounts::{AccountRepository, InsertAccountError};
pub use best_sellers::BestSellersReport;
pub use best_sellers_cache::{BestSellersCache, BestSellersList};
pub use clock::Clock;
pub use customer_cache::CustomerCache;
pub use customers::{CustomerRepository, InsertCustomerError};
pub use idempotency_keys::IdempotencyKeys;
pub use ids::IdSource;
pub use order_cache::OrderCache;
pub use orders::OrderRepository;
pub use passwords::{Asker, PasswordCheck, PasswordHasher, PasswordHasherError, Verdict};
pub use placements::{CommitError, LockWait, OpenPlacement, Placement, PlacementStore};
pub use products::ProductRepository;
pub use sales::{SalesCorrection, SalesRebuild, SalesTotals};
pub use status_changes::{OpenStatusChange, StatusChangeStore, StatusChangeUnit};
pub use stock::StockRepository;
pub use tokens::{AccessToken, TokenError, Tokens};

#[cfg(any(test, feature = "testing"))]
pub use self::{
    accounts::MockAccountRepository, best_sellers::MockBestSellersReport,
    best_sellers_cache::MockBestSellersCache, clock::MockClock, customer_cache::MockCustomerCache,
    customers::MockCustomerRepository, idempotency_keys::MockIdempotencyKeys, ids::MockIdSource,
    order_cache::MockOrderCache, orders::MockOrderRepository, passwords::MockPasswordHasher,
    placements::MockPlacement, placements::MockPlacementStore, products::MockProductRepository,
    sales::MockSalesTotals, status_changes::MockStatusChangeStore,
    status_changes::MockStatusChangeUnit, stock::MockStockRepository, tokens::MockTokens,
};
