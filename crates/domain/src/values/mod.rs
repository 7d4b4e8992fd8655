//! Values that several nouns share. Each is made by one fallible constructor, and then trusted.

mod change;
mod email;
mod error;
mod freshness;
pub(crate) mod id;
pub(crate) mod limit;
mod money;
mod page;
mod quantity;
mod text;
mod version;

pub use change::{Expected, Patch};
pub use email::Email;
pub use error::{Unit, ValueError};
pub use freshness::{Freshness, LogPosition};
pub use limit::Limit;
pub use money::{Money, Price};
pub use page::{Page, PageRequest, Position, Sort};
pub use quantity::Quantity;
pub use text::{Description, Name, Note, SearchTerms, Sku, UserAgent};
pub use version::Version;
