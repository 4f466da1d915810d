use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerWaitFuture},
};

/// What goes on beside the requests, until it is told to stop. A service that lost one of these tasks would look well
/// and do half of its work: where one panics, the service ends, and whoever runs it starts it anew.
#[derive(Clone, Default)]
pub(super) struct Background {
    tasks: TaskTracker,
    broken: CancellationToken,
}

impl Background {
    /// Goes on with this task.
    pub(super) fn spawn<T>(&self, task: impl Future<Output = T> + Send + 'static) {
        let broken = self.broken.clone();
        self.tasks.spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                // What and where is told by the hook.
                tracing::error!("a task in the background panicked; the service ends");
                broken.cancel();
            }
        });
    }

    /// Waits until one of the tasks has panicked.
    pub(super) async fn is_broken(&self) {
        self.broken.cancelled().await;
    }

    /// Waits for the end of all tasks, which somebody else has told to stop.
    pub(super) fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        self.tasks.close();
        self.tasks.wait()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_no_task_that_ends() {
        let background = Background::default();
        background.spawn(async {});
        let broken = timeout(Duration::from_secs(1), background.is_broken());
        assert!(
            broken.await.is_err(),
            "a task that was done is taken for one that panicked"
        );
        background.spawn(async { panic!("a bug") });
        background.is_broken().await;
        background.wait().await;
    }
}
