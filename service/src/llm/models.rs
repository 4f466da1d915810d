use super::ModelInfo;

/// Which models a provider offers.
#[derive(Debug, Clone)]
pub struct Models {
    provider: String,
    listed: Vec<ModelInfo>,
    any: bool,
}

impl Models {
    /// These, under the provider's name, and no others.
    pub fn only(provider: impl Into<String>, listed: Vec<ModelInfo>) -> Self {
        Self {
            provider: provider.into(),
            listed,
            any: false,
        }
    }

    /// All that the provider has, of which these are known.
    pub fn any(provider: impl Into<String>, known: Vec<ModelInfo>) -> Self {
        Self {
            provider: provider.into(),
            listed: known,
            any: true,
        }
    }

    /// Whose they are.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Those that are known.
    pub fn list(&self) -> Vec<ModelInfo> {
        self.listed.clone()
    }

    /// The provider's name, where every model that it names is offered.
    pub fn all_of(&self) -> Option<&str> {
        self.any.then_some(&*self.provider)
    }
}
