//! The stand-in provider, seen from the wire.

mod anthropic;
mod cancellation;
mod client;
mod faults;
mod finish;
mod gemini;
mod json;
mod openai;
mod script;
mod tools;
