use std::sync::Arc;

use redis::Script;

use super::{
    bucket::Bucket,
    local::Local,
    policy::{Policy, Standing},
    redis::{Lost, Redis},
    replicas::Replicas,
    subject::Subject,
};

/// A request at its buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whether all of them admit it. If not, nothing was taken.
    pub(super) admitted: bool,
    /// How far it is from each limit.
    pub(super) standings: Vec<Standing>,
    /// Whether this replica counts alone although it should not.
    pub(super) alone: bool,
}

/// The buckets of everybody: in Redis where there is one, else in this process.
pub(super) struct Buckets {
    local: Local,
    redis: Option<(Redis, Script)>,
    replicas: Arc<Replicas>,
}

impl Buckets {
    pub(super) fn new(redis: Option<Redis>, replicas: Arc<Replicas>) -> Self {
        Self {
            local: Local::new(),
            redis: redis.map(|redis| (redis, Script::new(include_str!("check.lua")))),
            replicas,
        }
    }

    /// Takes a request out of all of these buckets, or out of none. Never fails: while Redis is lost this replica
    /// admits its share.
    pub(super) async fn take(&self, subject: Subject, policies: &[Policy]) -> Taken {
        let Some((redis, script)) = &self.redis else {
            return self.take_locally(subject, policies, false);
        };
        match take_remotely(redis, script, subject, policies).await {
            Ok(taken) => taken,
            Err(Lost) => {
                let replicas = self.replicas.count();
                let shares: Vec<_> = policies.iter().map(|policy| policy.share(replicas)).collect();
                self.take_locally(subject, &shares, true)
            }
        }
    }

    fn take_locally(&self, subject: Subject, policies: &[Policy], alone: bool) -> Taken {
        let (admitted, buckets) = self.local.take(subject, policies);
        let standings = policies.iter().zip(buckets);
        Taken {
            admitted,
            standings: standings
                .map(|(policy, bucket)| policy.standing(bucket))
                .collect(),
            alone,
        }
    }
}

async fn take_remotely(
    redis: &Redis,
    script: &Script,
    subject: Subject,
    policies: &[Policy],
) -> Result<Taken, Lost> {
    let mut invocation = script.key(format!("ultra:v1:{{{subject}}}:buckets"));
    for Policy { counted, limit } in policies {
        invocation.arg(counted.to_string()).arg(*limit);
    }
    let answer: Vec<u64> = redis.run(&invocation).await?;
    let (admitted, used) = answer.split_first().ok_or(Lost)?;
    let standings = policies.iter().zip(used);
    Ok(Taken {
        admitted: *admitted == 1,
        standings: standings
            .map(|(policy, used)| policy.standing(Bucket::used(*used)))
            .collect(),
        alone: false,
    })
}
