use jsonwebtoken::Validation;

use crate::auth::Algorithm;

/// What a kind of token has to say of itself.
pub(super) struct Expectation {
    typ: &'static str,
    /// One for each algorithm, at its place: the key chooses, and each allows only its own.
    validations: [Validation; 4],
}

impl Expectation {
    pub(super) fn new(typ: &'static str, issuer: &str, audience: &str) -> Self {
        let validation = |algorithm: Algorithm| {
            let mut validation = Validation::new(algorithm.jose());
            validation.set_issuer(&[issuer]);
            validation.set_audience(&[audience]);
            validation.set_required_spec_claims(&["iss", "aud", "sub", "nbf", "exp"]);
            // By `Seen::at`, which does it for a remembered token too, and whose clock a test can set.
            validation.validate_exp = false;
            validation.validate_nbf = false;
            validation
        };
        Self {
            typ,
            validations: Algorithm::ALL.map(validation),
        }
    }

    /// Media types know no case, and may be written in full (RFC 7515, section 4.1.9).
    pub(super) fn is_type(&self, typ: &str) -> bool {
        const PREFIX: &str = "application/";
        let short = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, short)) if prefix.eq_ignore_ascii_case(PREFIX) => short,
            _ => typ,
        };
        short.eq_ignore_ascii_case(self.typ)
    }

    pub(super) fn validation(&self, algorithm: Algorithm) -> &Validation {
        &self.validations[algorithm as usize]
    }
}
