//! What runs against a real API server, with the controllers where they matter.

#[path = "apiserver/bare.rs"]
mod bare;
#[path = "apiserver/controllers.rs"]
mod controllers;
#[path = "apiserver/diagnostics.rs"]
mod diagnostics;
