//! Names of images.

use std::{convert::Infallible, fmt, str::FromStr};

/// An image's name: a repository, with or without a registry, and a tag or a digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageName {
    repository: String,
    reference: Option<String>,
}

impl ImageName {
    /// The image of a repository and a tag.
    pub fn new(repository: impl Into<String>, tag: impl fmt::Display) -> Self {
        Self {
            repository: repository.into(),
            reference: Some(format!(":{tag}")),
        }
    }

    /// The same repository at another tag.
    pub fn with_tag(&self, tag: &str) -> Self {
        Self::new(&self.repository, tag)
    }

    /// The same tag of another repository.
    pub fn with_repository(&self, repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            reference: self.reference.clone(),
        }
    }

    /// The tag, or the digest, or `latest` as the engine reads a name without either.
    pub fn version(&self) -> &str {
        self.reference
            .as_deref()
            .map_or("latest", |reference| &reference[1..])
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.repository,
            self.reference.as_deref().unwrap_or_default()
        )
    }
}

impl FromStr for ImageName {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        // A colon before the last slash is a registry's port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let split = name
            .find('@')
            .or_else(|| name[last..].find(':').map(|colon| last + colon));
        Ok(match split {
            Some(at) => Self {
                repository: name[..at].into(),
                reference: Some(name[at..].into()),
            },
            None => Self {
                repository: name.into(),
                reference: None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> ImageName {
        name.parse().unwrap()
    }

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for name in [
            "redis:8",
            "registry:5000/team/redis",
            "registry:5000/redis:8",
            "redis@sha256:abc",
        ] {
            assert_eq!(image(name).to_string(), name);
        }
    }

    #[test]
    fn a_registrys_port_is_not_taken_for_a_tag() {
        assert_eq!(image("registry:5000/redis").version(), "latest");
        assert_eq!(
            image("registry:5000/redis").with_tag("8").to_string(),
            "registry:5000/redis:8"
        );
        assert_eq!(
            image("registry:5000/redis:7").with_tag("8").to_string(),
            "registry:5000/redis:8"
        );
    }
}
