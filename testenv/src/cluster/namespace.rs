//! A namespace for one test.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::{self, ServiceAccount};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ObjectMeta, PostParams},
};

use super::{client, diagnostics};
use crate::Error;

/// A test that is over does not wait longer than this for its farewell.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(15);

/// Marks the namespaces that tests made.
const LABEL: (&str, &str) = ("app.kubernetes.io/managed-by", "ultra-testenv");

/// Which pods a namespace takes: Kubernetes' Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodSecurity {
    /// All.
    Privileged,
    /// None with known ways to more privileges.
    Baseline,
    /// Hardened ones.
    Restricted,
}

impl PodSecurity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A namespace that is deleted, with all in it, when this is dropped. When that happens in a panic, it first prints
/// what a person would ask for next: events, conditions, pods and the ends of their logs.
pub struct Namespace {
    name: String,
    config: Config,
    client: Client,
}

impl Namespace {
    pub(super) async fn create(
        config: &Config,
        admin: &Client,
        security: PodSecurity,
    ) -> Result<Self, Error> {
        let name = unique_name();
        let mut config = config.clone();
        config.default_namespace.clone_from(&name);
        let client = client::from_config(config.clone())?;
        let namespace = v1::Namespace {
            metadata: metadata(&name, security),
            ..v1::Namespace::default()
        };
        Api::all(admin.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .map_err(Error::kubernetes("create a namespace"))?;
        let namespace = Self { name, config, client };
        namespace.create_service_account(admin).await?;
        Ok(namespace)
    }

    /// Pods are refused until it is there, and who creates it is a controller that runs later or not at all.
    async fn create_service_account(&self, admin: &Client) -> Result<(), Error> {
        let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &self.name);
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(String::from("default")),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        match accounts.create(&PostParams::default(), &account).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            result => result
                .map(drop)
                .map_err(Error::kubernetes("create a ServiceAccount")),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A client with all rights, whose default namespace is this one.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What a person would ask for when something in the namespace is not as it should be.
    pub async fn diagnostics(&self) -> String {
        diagnostics::describe(&self.client, &self.name).await
    }

    /// Runs on a thread and a runtime of its own: the test's runtime is blocked by this drop, or ending.
    fn part(&self, diagnose: bool) -> String {
        let (config, name) = (self.config.clone(), self.name.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let farewell =
                async { tokio::time::timeout(FAREWELL_DEADLINE, farewell(config, &name, diagnose)).await };
            runtime.block_on(farewell).map_err(std::io::Error::from)
        });
        match thread.join() {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => format!("the namespace {} is left behind: {error}", self.name),
            Err(_) => format!("the namespace {} is left behind", self.name),
        }
    }
}

impl Drop for Namespace {
    #[expect(
        clippy::print_stderr,
        reason = "for the person who reads the failed test's output"
    )]
    fn drop(&mut self) {
        let said = self.part(std::thread::panicking());
        if !said.is_empty() {
            eprintln!("{said}");
        }
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

async fn farewell(config: Config, name: &str, diagnose: bool) -> String {
    let client = match client::from_config(config) {
        Ok(client) => client,
        Err(error) => return error.to_string(),
    };
    let diagnosis = if diagnose {
        diagnostics::describe(&client, name).await
    } else {
        String::new()
    };
    let namespaces: Api<v1::Namespace> = Api::all(client);
    match namespaces.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => diagnosis,
        Err(error) => format!("{diagnosis}\nthe namespace {name} is left behind: {error}"),
        Ok(_) => diagnosis,
    }
}

fn unique_name() -> String {
    format!("t-{:012x}", rand::random::<u64>() >> 16)
}

fn metadata(name: &str, security: PodSecurity) -> ObjectMeta {
    let labels = [LABEL, ("pod-security.kubernetes.io/enforce", security.as_str())];
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(BTreeMap::from(
            labels.map(|(key, value)| (key.to_owned(), value.to_owned())),
        )),
        ..ObjectMeta::default()
    }
}
