//! How often and how much everybody may ask.

mod buckets;
mod http;
mod outages;
mod quotas;
mod replicas;
mod script;
