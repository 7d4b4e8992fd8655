//! Customers: the table `customers`.

mod changes;

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    bulk::Export,
    customers::{
        AccountRecord, Customer, CustomerChange, CustomerId, CustomerRepository, CustomerSort,
        CustomersFilter, InsertCustomerError,
    },
    idempotency::{Creation, CreationKey},
    identity::{Account, Actor},
    unit_of_work::Opened,
    values::{Email, Freshness, Name, Page, PageRequest, SearchTerms, Sort, Version},
};
use tokio_postgres::{Client, Error, Row};

use crate::{
    audit::Entries,
    connection::Connection,
    creation_keys::{self, Kind},
    database::Database,
    error::{CREATION_KEYS_PKEY, TransactionError, column, is_taken, violates},
    export::{self, Entities},
    identity,
    list::{Conditions, Keyset, page_of_table},
    statements::{self, Statement, Value},
};

const FIND: &str = "
    select id, nome, email, created_at, version, erased_at is null as is_there
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
        let row = client.query_opt(FIND, &[&id.as_uuid()]).await?;
        row.as_ref()
            .map(unless_erased)
            .transpose()
            .map(Option::flatten)
    }

    #[tracing::instrument(level = "debug", name = "db.customers.page", skip_all)]
    async fn page(
        &self,
        filter: &CustomersFilter,
        sort: Sort<CustomerSort>,
        page: &PageRequest,
    ) -> Result<Page<Customer>, StorageError> {
        let table = ("id, nome, email, created_at, version", "customers");
        let keyset = keyset(sort);
        let read = async |database| {
            let conditions = conditions(filter);
            page_of_table(&database, table, &keyset, conditions, page, customer).await
        };
        self.database.recent_list(page.freshness, read).await
    }

    #[tracing::instrument(level = "debug", name = "db.customers.account", skip_all)]
    async fn account(&self, id: CustomerId) -> Result<Option<AccountRecord>, StorageError> {
        identity::of_customer(&self.database, id).await
    }

    fn export(&self, filter: CustomersFilter, freshness: Freshness) -> Export<Customer> {
        let conditions = conditions(&filter);
        let statement = format!(
            "select id, nome, email, created_at, version from customers {} order by id",
            conditions.filter()
        );
        let entities = Entities {
            is_same: |_, _| false,
            entity: |row, _| customer(row),
        };
        let counted = format!("select count(*) from customers {}", conditions.filter());
        export::export(
            (&self.database, freshness),
            statement,
            counted,
            conditions,
            entities,
        )
    }

    #[tracing::instrument(level = "debug", name = "db.customers.insert", skip_all)]
    async fn insert<'a>(
        &self,
        customer: &Customer,
        account: Option<&'a Account>,
        key: Option<&'a CreationKey>,
        by: Option<&'a Actor>,
    ) -> Result<(), InsertCustomerError> {
        let all = async |client: Connection| {
            let all = client.in_transaction(async |client| {
                if let Some(key) = key {
                    let (id, created_at) = (customer.id.as_uuid(), customer.created_at);
                    creation_keys::insert(
                        client,
                        &Statement::Unnamed(creation_keys::INSERT),
                        Kind::Customer,
                        key,
                        id,
                        created_at,
                    )
                    .await?;
                }
                insert(client, customer).await?;
                if let Some(account) = account {
                    identity::insert(client, account).await?;
                }
                if let Some(by) = by {
                    let (id, at) = (customer.id.as_uuid(), customer.created_at);
                    let audited = Entries::one(at, by, Action::CustomersRegister, id);
                    audited.write_now(client).await?;
                }
                Ok(())
            });
            all.await
        };
        self.database
            .lock_patiently(all)
            .await
            .map_err(insert_error)
    }

    #[tracing::instrument(level = "debug", name = "db.customers.inserted_under", skip_all)]
    async fn inserted_under(&self, key: &CreationKey) -> Result<Option<Creation>, StorageError> {
        creation_keys::find(&self.database, Kind::Customer, key).await
    }

    #[tracing::instrument(level = "debug", name = "db.customers.open", skip_all)]
    async fn open(
        &self,
        id: CustomerId,
    ) -> Result<Option<Opened<Customer, CustomerChange>>, StorageError> {
        changes::open(&self.database, id).await
    }
}

fn keyset(sort: Sort<CustomerSort>) -> Keyset {
    Keyset {
        key: match sort.by {
            CustomerSort::CreatedAt => ("created_at", "timestamptz"),
            CustomerSort::Name => (r#"folded(nome) collate "C""#, "text"),
        },
        id: "id",
        is_descending: sort.is_descending,
    }
}

fn conditions(filter: &CustomersFilter) -> Conditions {
    let mut conditions = Conditions::always("erased_at is null");
    let email = filter.email.as_ref().map(|email| email.as_str().to_owned());
    conditions.when("lower(email) = lower(?)", email);
    let terms = filter.terms.as_ref().map(SearchTerms::as_str);
    // The words of the search are like words of the name (pg_trgm's word similarity).
    conditions.when("folded(?) <% folded(nome)", terms.map(str::to_owned));
    conditions
}

/// Inserts a customer, within a transaction.
pub(crate) async fn insert(client: &Client, customer: &Customer) -> Result<(), Error> {
    let values: [&dyn Value; 5] = [
        &customer.id.as_uuid(),
        &customer.name.as_str(),
        &customer.email.as_str(),
        &customer.created_at,
        &customer.version.number(),
    ];
    statements::execute(client, INSERT, &values).await?;
    Ok(())
}

fn insert_error(error: TransactionError) -> InsertCustomerError {
    match error {
        TransactionError::Failed(error) if violates(&error, CREATION_KEYS_PKEY) => {
            InsertCustomerError::KeyTaken
        }
        TransactionError::Failed(error) if is_taken(&error) => InsertCustomerError::EmailTaken,
        error => StorageError::from(error).into(),
    }
}

/// The customer of a row, unless only its id is left. That is read and not asked for, so that no
/// plan can take the index of all that are there for the one to look in.
fn unless_erased(row: &Row) -> Result<Option<Customer>, StorageError> {
    if column(row, "is_there")? {
        customer(row).map(Some)
    } else {
        Ok(None)
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
