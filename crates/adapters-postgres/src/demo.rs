//! Loading a demonstration: everything in one transaction, once.

use domain::{Customer, Order, Product, Stock, StorageError};
use tokio_postgres::Error;

use crate::{customers, database::Database, error::storage, placements, products, stock};

/// What a demonstration shows. Its stock is what is left after its orders.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Who buys.
    pub customers: Vec<Customer>,
    /// What is sold, with what is left of it.
    pub products: Vec<(Product, Stock)>,
    /// What was bought.
    pub orders: Vec<Order>,
}

/// Two loads at once take turns: "demo" in ASCII.
const LOCK: &str = "select pg_advisory_xact_lock(1684368751)";

const IS_LOADED: &str = "
    select exists (
        select 1
        from customers
        where id = $1
    )";

impl Database {
    /// Loads a demonstration, all of it or nothing, and says whether it was loaded now; a
    /// demonstration whose first customer exists was loaded before and is left as it is.
    ///
    /// # Errors
    ///
    /// When storage fails, or refuses a part of it.
    pub async fn load_demo(&self, demo: &Demo) -> Result<bool, StorageError> {
        let mut client = self.client().await?;
        let load = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(LOCK).await?;
            let first = demo.customers.first().map(|customer| customer.id.as_uuid());
            let is_loaded = transaction.query_one(IS_LOADED, &[&first]).await?;
            if is_loaded.try_get(0)? {
                return Ok::<_, Error>(false);
            }
            let client = transaction.client();
            for customer in &demo.customers {
                customers::insert(client, customer).await?;
            }
            for (product, stock) in &demo.products {
                products::insert(client, product).await?;
                stock::insert(client, stock).await?;
            }
            placements::insert_orders(client, demo.orders.iter()).await?;
            transaction.commit().await?;
            Ok(true)
        };
        load.await.map_err(storage)
    }
}
