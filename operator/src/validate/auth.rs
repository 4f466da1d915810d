//! Who may use an Ultra.

use super::{Invalid, credentials::referenced};
use crate::{crd, observe::Observed};

/// The key of the email in the admin's Secret.
pub const ADMIN_EMAIL: &str = "email";
/// The key of the password in the admin's Secret.
pub const ADMIN_PASSWORD: &str = "password";

/// Who is made an admin at the start; only checksums of email and password leave the plan.
#[derive(Clone)]
pub struct FirstAdmin {
    /// The Secret that tells.
    pub secret: String,
    /// Whom the account is for.
    pub email: Vec<u8>,
    /// The account's password.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstAdmin")
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// The admin whom the spec names, if it does.
pub(super) fn first_admin(auth: &crd::Auth, observed: &Observed) -> Result<Option<FirstAdmin>, Invalid> {
    let Some(crd::AdminSecretRef { name }) = &auth.admin_secret_ref else {
        return Ok(None);
    };
    let value = |key| referenced("auth.adminSecretRef", name, key, observed);
    Ok(Some(FirstAdmin {
        secret: name.clone(),
        email: value(ADMIN_EMAIL)?,
        password: value(ADMIN_PASSWORD)?,
    }))
}
