//! The Ultra test environment.
