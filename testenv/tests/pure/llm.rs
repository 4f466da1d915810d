//! The stand-in provider, seen from the wire.

mod anthropic;
mod cancellation;
mod client;
mod faults;
mod gemini;
mod openai;
mod script;
