//! The demonstration: a Brazilian coffee shop, its regulars, and their orders of the last sixty
//! days. It is the same every time, apart from the dates, and everything in it is made through the
//! use cases. An interrupted load is continued by the next one.

mod catalogue;
mod people;
mod script;

use std::{collections::BTreeMap, sync::Arc};

use adapters_postgres::Database;
use domain::{
    catalog::{CatalogError, NewProduct, ProductId},
    customers::{CustomerError, CustomerId, Registration},
    identity::{Caller, ClientAddress, NewAccount, ShopRole},
    orders::{OrderError, OrderId, OrderLine, OrderRequest, OrderStatus},
    stock::StockLevel,
    values::{Description, Email, Expected, Name, Price, Quantity, Sku},
};
use fastrand::Rng;
use time::{Duration, OffsetDateTime};
use tokio::{spawn, task::JoinHandle};

use self::script::Script;
use crate::{
    app::{Shop, account_service, accounts, quiet_shop},
    settings::PasswordSettings,
};

/// A demonstration that cannot be made is a bug in its data, or storage fails.
type Failure = Box<dyn std::error::Error>;

/// The shop's account. Its password is random, so nobody can log in with it.
const SHOP_EMAIL: &str = "loja@example.com";

const ORDERS: u32 = 200;
const DAYS: u32 = 60;
const PEOPLE: u64 = 20;
const PRODUCTS: u64 = 40;

/// Where the ids of each kind begin in the script's sequence of ids.
const FIRST_CUSTOMER: u64 = 0;
const FIRST_PRODUCT: u64 = FIRST_CUSTOMER + PEOPLE;
/// A product takes one id, and its stock one more.
const FIRST_ORDER: u64 = FIRST_PRODUCT + 2 * PRODUCTS;

/// How much a load created.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) customers: usize,
    pub(crate) products: usize,
    pub(crate) orders: usize,
}

impl Loaded {
    pub(crate) const fn is_nothing(&self) -> bool {
        self.customers + self.products + self.orders == 0
    }
}

/// Loads the demonstration as of `now`; what exists already is left unchanged.
pub(crate) async fn load(database: &Database, now: OffsetDateTime) -> Result<Loaded, Failure> {
    let script = Arc::new(Script::new());
    let passwords = PasswordSettings::LEAST;
    let (shop, tasks) = quiet_shop(database, &passwords, script.clone(), script.clone())?;
    let tasks: Vec<_> = tasks.into_iter().map(spawn).collect();
    let caller = shop_account(database, &passwords).await?;
    let demo = Demo {
        shop,
        script,
        caller,
        now,
    };
    let loaded = demo.play().await;
    tasks.iter().for_each(JoinHandle::abort);
    loaded
}

/// The account that acts in all of this.
async fn shop_account(
    database: &Database,
    passwords: &PasswordSettings,
) -> Result<Caller, Failure> {
    let email = Email::parse(SHOP_EMAIL)?;
    let known = accounts(database).find_by_email(&email).await?;
    let account = if let Some(account) = known {
        account
    } else {
        let new = NewAccount {
            email,
            role: ShopRole::Staff,
            password: None,
        };
        let accounts = account_service(passwords, database)?;
        let (operator, here) = (&Caller::OPERATOR, ClientAddress::LOCAL);
        accounts.create(operator, new, here).await?
    };
    Ok(Caller::new(account.id, account.principal))
}

struct Demo {
    shop: Shop,
    script: Arc<Script>,
    caller: Caller,
    now: OffsetDateTime,
}

impl Demo {
    async fn play(&self) -> Result<Loaded, Failure> {
        let orders = self.orders()?;
        if let Some(last) = orders.last()
            && self.is_there(last).await?
        {
            // All of it was loaded once. What was done to it since is left as it is.
            return Ok(Loaded::default());
        }
        Ok(Loaded {
            customers: self.register_customers().await?,
            products: self.fill_catalogue().await?,
            orders: self.place_orders(orders).await?,
        })
    }

    fn opening(&self) -> OffsetDateTime {
        self.now - Duration::days(i64::from(DAYS) + 30)
    }

    async fn register_customers(&self) -> Result<usize, Failure> {
        let mut made = 0;
        let customers = &self.shop.customers;
        for ((name, email), number) in people::PEOPLE.iter().zip(FIRST_CUSTOMER..) {
            match customers.get(&self.caller, customer_id(number)).await {
                Ok(_) => continue,
                Err(CustomerError::NotFound) => made += 1,
                Err(error) => return Err(error.into()),
            }
            let registration = Registration {
                name: Name::parse(name)?,
                email: Email::parse(email)?,
                password: None,
            };
            self.script.go_to(self.opening(), number);
            customers
                .register(Some(&self.caller), registration, None, ClientAddress::LOCAL)
                .await?;
        }
        Ok(made)
    }

    async fn fill_catalogue(&self) -> Result<usize, Failure> {
        let mut made = 0;
        for (index, (name, description, price, stock)) in (0_u64..).zip(&catalogue::CATALOGUE) {
            match self.shop.catalog.get(None, product_id(index)).await {
                Ok(_) => continue,
                Err(CatalogError::NotFound) => made += 1,
                Err(error) => return Err(error.into()),
            }
            let new = NewProduct {
                name: Name::parse(name)?,
                description: Some(Description::parse(description)?),
                price: Price::parse(price)?,
                sku: Some(Sku::parse(&format!("LOJA-{:03}", index + 1))?),
                available: StockLevel::parse(*stock)?,
            };
            self.script.go_to(self.opening(), FIRST_PRODUCT + 2 * index);
            self.shop.catalog.create(&self.caller, new, None).await?;
        }
        Ok(made)
    }

    /// Places orders from the oldest to the newest, and takes each through the transitions that fit
    /// its age.
    async fn place_orders(&self, orders: Vec<Scripted>) -> Result<usize, Failure> {
        let mut made = 0;
        for order in orders {
            made += usize::from(self.place(&order).await?);
            self.take_further(&order).await?;
        }
        Ok(made)
    }

    /// The orders of the demonstration, from the oldest to the newest.
    fn orders(&self) -> Result<Vec<Scripted>, Failure> {
        let mut random = Rng::with_seed(1727);
        let mut next_id = FIRST_ORDER;
        let mut orders = Vec::new();
        for number in 0..ORDERS {
            let age = Duration::days(DAYS.into()) * (ORDERS - number) / ORDERS;
            let placed_at = self.now - age + Duration::minutes(random.i64(0..400));
            let customer = random.u64(0..PEOPLE);
            let lines = basket(&mut random)?;
            let id = next_id;
            // An order takes one id, and each of its items one more.
            next_id += 1 + u64::try_from(lines.len())?;
            orders.push(Scripted {
                id,
                placed_at: placed_at.min(self.now - Duration::minutes(5)),
                request: OrderRequest {
                    customer_id: Some(customer_id(FIRST_CUSTOMER + customer)),
                    lines,
                },
                life: life(age, number),
            });
        }
        Ok(orders)
    }

    async fn is_there(&self, order: &Scripted) -> Result<bool, Failure> {
        match self.shop.orders.get(&self.caller, order.order_id()).await {
            Ok(_) => Ok(true),
            Err(OrderError::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Places an order unless it exists, and returns whether it did.
    async fn place(&self, order: &Scripted) -> Result<bool, Failure> {
        if self.is_there(order).await? {
            return Ok(false);
        }
        self.script.go_to(order.placed_at, order.id);
        let request = order.request.clone();
        self.shop.orders.place(&self.caller, request, None).await?;
        Ok(true)
    }

    /// Takes an order through the rest of its transitions, unless that was done already.
    async fn take_further(&self, order: &Scripted) -> Result<(), Failure> {
        let orders = &self.shop.orders;
        let mut from = orders.get(&self.caller, order.order_id()).await?.status;
        let mut at = order.placed_at;
        for &to in order.life {
            at = (at + Duration::hours(20)).min(self.now);
            if from.transitions().contains(&to) {
                self.script.go_to(at, order.id);
                let id = order.order_id();
                let taken = orders.transition(&self.caller, id, to.into(), &Expected::Any);
                from = taken.await?.status;
            }
        }
        Ok(())
    }
}

/// An order of the demonstration.
struct Scripted {
    /// The number of its id.
    id: u64,
    placed_at: OffsetDateTime,
    request: OrderRequest,
    /// The transitions that it goes through.
    life: &'static [OrderStatus],
}

impl Scripted {
    fn order_id(&self) -> OrderId {
        OrderId::new(Script::id(self.id))
    }
}

fn customer_id(number: u64) -> CustomerId {
    CustomerId::new(Script::id(number))
}

fn product_id(index: u64) -> ProductId {
    ProductId::new(Script::id(FIRST_PRODUCT + 2 * index))
}

/// One to four products, the first ones of the catalogue more often than the last.
fn basket(random: &mut Rng) -> Result<Vec<OrderLine>, Failure> {
    let mut lines = BTreeMap::new();
    for _ in 0..random.usize(1..=4) {
        let index = random.u64(0..PRODUCTS).min(random.u64(0..PRODUCTS));
        lines.insert(product_id(index), Quantity::parse(random.i64(1..=3))?);
    }
    let line = |(product_id, quantity)| OrderLine {
        product_id,
        quantity,
    };
    Ok(lines.into_iter().map(line).collect())
}

/// The transitions of an order of this age; every eleventh order is cancelled.
fn life(age: Duration, number: u32) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Delivered, Paid, Shipped};
    match age.whole_days() {
        _ if number % 11 == 5 => &[Cancelled],
        0 | 1 => &[],
        2..=4 => &[Paid],
        5..=9 => &[Paid, Shipped],
        _ => &[Paid, Shipped, Delivered],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_each_kind_have_room_for_all_there_are() {
        assert_eq!(people::PEOPLE.len(), usize::try_from(PEOPLE).unwrap());
        let products = usize::try_from(PRODUCTS).unwrap();
        assert_eq!(catalogue::CATALOGUE.len(), products);
    }
}
