//! Customers: registering them and looking them up.

mod customer;
mod ports;
mod service;

pub use customer::{Customer, CustomerId};
pub use ports::{CustomerRepository, InsertCustomerError};
pub use service::{CustomerError, CustomerService, Registration};

#[cfg(test)]
pub(crate) use ports::MockCustomerRepository;
