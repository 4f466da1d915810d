//! Who gets in, and who does not.

mod account;
mod admin;
mod anonymous;
mod keys;
mod outages;
pub(crate) mod people;
mod replicas;
mod routes;
mod sessions;
