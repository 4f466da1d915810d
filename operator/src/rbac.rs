//! Everything that the operator may do, as one table. The install manifest is made from it, and the tests run under it.

use k8s_openapi::{
    api::rbac::v1::{ClusterRole, PolicyRule},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

struct Right {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
}

/// Children are read from watches, applied server-side (which is `patch`, and `create` where there is none), looked up
/// by name before the first apply, and pruned.
const CHILD: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

const RIGHTS: &[Right] = &[
    Right {
        group: "ultra.dev",
        resources: &["ultradeployments"],
        verbs: &["list", "watch"],
    },
    Right {
        group: "ultra.dev",
        resources: &["ultradeployments/status"],
        verbs: &["patch"],
    },
    Right {
        group: "",
        resources: &["serviceaccounts", "configmaps", "secrets", "services"],
        verbs: CHILD,
    },
    Right {
        group: "apps",
        resources: &["deployments", "statefulsets"],
        verbs: CHILD,
    },
    // Why a pod does not start is told in the conditions.
    Right {
        group: "",
        resources: &["pods"],
        verbs: &["list", "watch"],
    },
    Right {
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
    },
];

/// The operator's role.
pub fn cluster_role(name: &str) -> ClusterRole {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let rules = RIGHTS.iter().map(|right| PolicyRule {
        api_groups: Some(vec![right.group.to_owned()]),
        resources: Some(owned(right.resources)),
        verbs: owned(right.verbs),
        ..Default::default()
    });
    ClusterRole {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..Default::default()
        },
        rules: Some(rules.collect()),
        aggregation_rule: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_by_wildcard_and_neither_exec_nor_logs() {
        for right in RIGHTS {
            for word in right.resources.iter().chain(right.verbs) {
                assert!(
                    !word.contains('*') && !["pods/exec", "pods/log"].contains(word),
                    "{word}"
                );
            }
        }
    }
}
