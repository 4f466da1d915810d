//! Who gets in, and who does not.

mod account;
mod admin;
mod anonymous;
mod keys;
mod outages;
pub(crate) mod people;
mod replicas;
mod rotation;
mod routes;
mod sessions;
