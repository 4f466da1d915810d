//! Watches, queue, back-off and error policy around one reconcile, which reads as the five steps.

use crate::{
    apply::{self, Applier, Change},
    backoff::Backoff,
    caches::{Caches, Watches},
    crd::UltraDeployment,
    error::Error,
    events,
    observe::{Observed, observe},
    plan::plan,
    settings::{Images, Settings},
    status::{self, Converged},
    validate::validate,
};
use futures::{FutureExt, StreamExt};
use kube::{
    Client, ResourceExt,
    runtime::{
        applier,
        controller::{Action, Config, Error as ControllerError},
        events::Recorder,
    },
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How many resources are reconciled at once.
const CONCURRENCY: u16 = 16;
/// The watch event that a stale cache waits for arrives in milliseconds; this is for the case that it came before.
const STALE_RETRY: Duration = Duration::from_millis(100);

/// What every reconcile needs.
struct Context {
    client: Client,
    caches: Caches,
    images: Images,
    recorder: Recorder,
    backoff: Backoff,
}

/// The operator's loop, yet to be run.
pub struct Controller {
    context: Arc<Context>,
    watches: Watches,
    synced: watch::Sender<bool>,
}

impl Controller {
    /// Sets up the watches; they begin with [`Controller::run`].
    pub fn new(client: Client, settings: &Settings) -> Self {
        let watches = Watches::new(&client, settings.watch_namespace.as_deref());
        let context = Context {
            caches: watches.caches.clone(),
            images: settings.images.clone(),
            recorder: Recorder::new(client.clone(), apply::FIELD_MANAGER.into()),
            backoff: Backoff::default(),
            client,
        };
        Self {
            context: Arc::new(context),
            watches,
            synced: watch::Sender::new(false),
        }
    }

    /// Turns true once every watch has its first list.
    pub fn synced(&self) -> watch::Receiver<bool> {
        self.synced.subscribe()
    }

    /// Reconciles until the shutdown, and lets what is under way come to its end.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self {
            context,
            watches,
            synced,
        } = self;
        let caches = context.caches.clone();
        let sync = async move {
            if caches.wait_until_ready().await.is_ok() {
                tracing::info!("watch caches are filled");
                synced.send_replace(true);
            }
        };
        let reconciles = applier(
            |ud, context| reconcile(ud, context).boxed(),
            error_policy,
            context.clone(),
            context.caches.ultra_deployments().clone(),
            watches.triggers.take_until(shutdown.boxed()),
            Config::default().concurrency(CONCURRENCY),
        )
        .for_each(|result| {
            if let Err(ControllerError::ObjectNotFound(gone)) = &result {
                context
                    .backoff
                    .forget(&key(gone.namespace.as_deref(), &gone.name));
            }
            log(result);
            std::future::ready(())
        });
        tokio::join!(sync, reconciles);
    }
}

/// One reconcile: observe, validate, plan, apply, status.
async fn reconcile(ud: Arc<UltraDeployment>, context: Arc<Context>) -> Result<Action, Error> {
    if ud.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    context.caches.wait_until_ready().await?;
    let observed = observe(&ud, &context.client, &context.caches).await?;
    let mut changes = Vec::new();
    let outcome = converge(&ud, &observed, &context, &mut changes).await;
    if let Err(error) = &outcome
        && error.is_passing()
    {
        return outcome.map(|_| Action::await_change());
    }
    let next = status::status(&ud, outcome.as_ref(), &observed.children, observed.now);
    let is_news = status::write(&context.client, &ud, &next).await?;
    if let (true, Err(error)) = (is_news, &outcome) {
        tracing::warn!(%error, reason = error.reason(), "reconcile failed");
    }
    events::publish(&context.recorder, &ud, &changes, &next).await?;
    outcome?;
    context
        .backoff
        .forget(&key(ud.namespace().as_deref(), &ud.name_any()));
    Ok(Action::await_change())
}

/// The steps in the middle: from what was observed to what is applied.
async fn converge(
    ud: &UltraDeployment,
    observed: &Observed,
    context: &Context,
    changes: &mut Vec<Change>,
) -> Result<Converged, Error> {
    let ultra = validate(ud, observed, &context.images)?;
    let planned = plan(&ultra);
    if ud.spec.paused {
        return Ok(Converged {
            ultra,
            objects: apply::leave_alone(planned, &observed.children),
        });
    }
    let mut applier = Applier::new(&context.client, ud, observed);
    let applied = applier.apply(planned).await;
    *changes = applier.into_changes();
    Ok(Converged {
        ultra,
        objects: applied?,
    })
}

/// Waits by resource. What is stalled is looked at again when it changes, and now and then for what no watch tells.
#[expect(clippy::needless_pass_by_value, reason = "the signature is the applier's")]
fn error_policy(ud: Arc<UltraDeployment>, error: &Error, context: Arc<Context>) -> Action {
    match error {
        Error::Stale => Action::requeue(STALE_RETRY),
        Error::Invalid(_) | Error::Closed(_) => Action::await_change(),
        Error::OwnershipConflict { .. }
        | Error::SecretUnclaimed { .. }
        | Error::Child { .. }
        | Error::Api(_) => Action::requeue(
            context
                .backoff
                .failed(&key(ud.namespace().as_deref(), &ud.name_any())),
        ),
    }
}

/// Names a resource to the back-off.
fn key(namespace: Option<&str>, name: &str) -> String {
    format!("{}/{name}", namespace.unwrap_or_default())
}

type Reconciled<Ref> = Result<(Ref, Action), ControllerError<Error, kube::runtime::watcher::Error>>;

fn log<Ref>(result: Reconciled<Ref>) {
    match result {
        Ok(_) => {}
        // The last change of a resource that is gone, and caches that lag, are ordinary.
        Err(ControllerError::ObjectNotFound(resource)) => tracing::debug!(%resource, "gone"),
        // What is new about a failure was logged as it was told in the status.
        Err(ControllerError::ReconcilerFailed(error, resource)) => {
            tracing::debug!(%resource, %error, "looking again");
        }
        Err(ControllerError::QueueError(error)) => tracing::warn!(%error, "{}", watch_hint(&error)),
        Err(error) => tracing::error!(%error, "controller failed"),
    }
}

fn watch_hint(error: &kube::runtime::watcher::Error) -> &'static str {
    use kube::runtime::watcher::Error as Watch;
    let status = match error {
        Watch::InitialListFailed(kube::Error::Api(status))
        | Watch::WatchStartFailed(kube::Error::Api(status)) => status,
        _ => return "a watch failed and is started again",
    };
    if status.is_not_found() {
        "a kind cannot be watched: install the CRD, `ultra-operator crd | kubectl apply --server-side -f -`"
    } else if status.is_forbidden() {
        "a kind may not be watched: grant what `ultra-operator rbac` prints"
    } else {
        "a watch failed and is started again"
    }
}
