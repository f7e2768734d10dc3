//! Flag types that several flags share.

mod address;
mod count;
mod duration;
mod one_of;
mod size;
mod switch;

pub use address::{Address, AddressOrNone};
pub use count::Count;
pub use duration::BoundedDuration;
pub use one_of::OneOf;
pub use size::Size;
pub use switch::Switch;
