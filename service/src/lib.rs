//! The Ultra service.
