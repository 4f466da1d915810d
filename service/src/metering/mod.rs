//! What the calls of a request take, counted in one place: the ledger records it, and the quota is charged with it.

mod call;
mod list;
mod meter;
mod metered;
mod prices;

pub use call::Call;
pub use list::{Listed, listed};
pub use meter::Meter;
pub use prices::Prices;
