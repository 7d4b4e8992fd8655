//! The use cases: one struct for each area, one public method for each thing that a caller can
//! do. A method reads as the use case told aloud; the rules it applies are methods of entities.

mod accounts;
mod auth;
mod customers;
mod desk;
mod failed_attempts;
mod housekeeping;
mod orders;
mod products;
mod recent;
mod single_flight;
mod turns;

pub use accounts::{AccountError, AccountService};
pub use auth::{AuthError, AuthService};
pub use customers::{CustomerError, CustomerService, Registration};
pub use desk::{Desk, DeskError, DeskSettings, DeskTask};
pub use housekeeping::Housekeeping;
pub use orders::{OrderError, OrderRequest, OrderService, PlacedOrder};
pub use products::{NewProduct, ProductError, ProductService};
