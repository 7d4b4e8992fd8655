//! Customers: the table `customers`.

use async_trait::async_trait;
use domain::{
    StorageError,
    customers::{Customer, CustomerId, CustomerRepository, InsertCustomerError},
    identity::Account,
    values::{Email, Name, Version},
};
use tokio_postgres::{Client, Error, Row};

use crate::{
    database::Database,
    error::{CUSTOMERS_EMAIL_KEY, USERS_EMAIL_KEY, column, storage, violates},
    identity,
    statements::query_opt,
};

const FIND: &str = "
    select id, nome, email, created_at, version
    from customers
    where id = $1";

const INSERT: &str = "
    insert into customers (id, nome, email, created_at, version)
    values ($1, $2, $3, $4, $5)";

/// Customers in PostgreSQL.
#[derive(Clone)]
pub struct PgCustomers {
    database: Database,
}

impl PgCustomers {
    /// Stores customers in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl CustomerRepository for PgCustomers {
    #[tracing::instrument(level = "debug", name = "db.customers.find", skip_all)]
    async fn find(&self, id: CustomerId) -> Result<Option<Customer>, StorageError> {
        let client = self.database.client().await?;
        let row = query_opt(&client, FIND, &[&id.as_uuid()]).await;
        let row = row.map_err(storage)?;
        row.as_ref().map(customer).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.customers.insert", skip_all)]
    async fn insert(&self, customer: &Customer) -> Result<(), InsertCustomerError> {
        let client = self.database.client().await?;
        insert(&client, customer).await.map_err(insert_error)
    }

    #[tracing::instrument(level = "debug", name = "db.customers.insert_with_account", skip_all)]
    async fn insert_with_account(
        &self,
        customer: &Customer,
        account: &Account,
    ) -> Result<(), InsertCustomerError> {
        let mut client = self.database.client().await?;
        let both = async {
            let transaction = client.transaction().await?;
            insert(transaction.client(), customer).await?;
            identity::insert(transaction.client(), account).await?;
            transaction.commit().await
        };
        both.await.map_err(insert_error)
    }
}

/// Writes a customer, alone or within a transaction.
pub(crate) async fn insert(client: &Client, customer: &Customer) -> Result<(), Error> {
    client
        .execute(
            INSERT,
            &[
                &customer.id.as_uuid(),
                &customer.name.as_str(),
                &customer.email.as_str(),
                &customer.created_at,
                &customer.version.number(),
            ],
        )
        .await?;
    Ok(())
}

fn insert_error(error: Error) -> InsertCustomerError {
    if violates(&error, CUSTOMERS_EMAIL_KEY) || violates(&error, USERS_EMAIL_KEY) {
        InsertCustomerError::EmailTaken
    } else {
        storage(error).into()
    }
}

fn customer(row: &Row) -> Result<Customer, StorageError> {
    Ok(Customer {
        id: CustomerId::new(column(row, "id")?),
        name: Name::parse(column(row, "nome")?).map_err(StorageError::corrupt)?,
        email: Email::parse(column(row, "email")?).map_err(StorageError::corrupt)?,
        created_at: column(row, "created_at")?,
        version: Version::parse(column(row, "version")?).map_err(StorageError::corrupt)?,
    })
}
