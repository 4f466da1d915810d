//! The Ultra operator.
