//! Customers: registering, finding, changing and erasing them.

mod change;
mod customer;
mod list;
mod ports;
mod service;

pub use change::{CustomerChange, CustomerEdit};
pub use customer::{AccountRecord, Customer, CustomerId};
pub use list::{CustomerSort, CustomersFilter};
pub use ports::{CustomerRepository, InsertCustomerError};
pub use service::{CustomerError, CustomerService, Registration};

#[cfg(test)]
pub(crate) use ports::MockCustomerRepository;
