//! What the calls of a request take, counted in one place: the ledger records it, and the quota is charged with it.

mod call;
mod meter;
mod metered;
mod prices;

pub use call::Call;
pub use meter::Meter;
pub use prices::Prices;
