//! `cargo testenv up`: a stack to work against by hand, which stays until `cargo testenv down`.

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::Context;

use super::persistent::Persistent;
use crate::{
    cache_dir::CacheDir,
    client::Connection,
    program::which,
    protocol::{ClusterLevel, Request, Response, StackRequest},
    provision::{Image, Progress, Provisioner},
    stack::Profile,
    versions::Versions,
};

/// Arguments of `up`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// With Postgres' data on a small disk in memory, which `chaos disk-full postgres` can fill.
    #[arg(long)]
    small_disk: bool,
    /// With a Kubernetes cluster, and the operator in it.
    #[arg(long)]
    cluster: bool,
    /// How many nodes the cluster has. More can be added to one that is up.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "cluster", value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Several libraries of this process use rustls, and none may guess which provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
    runtime.block_on(async {
        let cache = CacheDir::from_env()?;
        provision(
            Provisioner::new(cache.clone(), Progress::stderr()),
            arguments.cluster,
        )
        .await?;
        let persistent = Persistent::of(&cache)?;
        let (for_stack, for_cluster) = (persistent.start()?, persistent.start()?);
        let (stack, cluster) = tokio::join!(
            stack(&for_stack, arguments.small_disk),
            cluster(&for_cluster, arguments)
        );
        print_stack(stack?)?;
        if let Some((kubeconfig, kubectl)) = cluster? {
            print_cluster(&persistent.publish_kubeconfig(&kubeconfig)?, &kubectl)?;
        }
        tell("`cargo testenv down` ends it all")?;
        Ok(ExitCode::SUCCESS)
    })
}

/// In this process rather than in the host, so that a person sees it being made.
async fn provision(provisioner: Provisioner, cluster: bool) -> anyhow::Result<()> {
    if cluster {
        return Ok(provisioner.everything().await?);
    }
    let versions = Versions::supported();
    let engine = provisioner.engine().await?;
    let databases = [
        Image::Redis(versions.redis.default.clone()),
        Image::Postgres(versions.postgres.default.clone()),
    ];
    for image in databases.into_iter().chain([Image::Service]) {
        provisioner.image(&engine, image).await?;
    }
    Ok(())
}

async fn stack(connection: &Connection, small_disk: bool) -> anyhow::Result<Response> {
    let request = StackRequest {
        postgres: true,
        redis: true,
        service: Some(Profile::Development),
        dedicated: true,
        small_disk,
        kept: true,
    };
    Ok(connection.call(Request::Stack(request)).await?)
}

async fn cluster(
    connection: &Connection,
    arguments: &Arguments,
) -> anyhow::Result<Option<(std::path::PathBuf, std::path::PathBuf)>> {
    if !arguments.cluster {
        return Ok(None);
    }
    let request = Request::Cluster {
        level: ClusterLevel::Operator,
        nodes: arguments.nodes,
    };
    match connection.call(request).await? {
        Response::Cluster { kubeconfig, kubectl } => Ok(Some((kubeconfig, kubectl))),
        other => anyhow::bail!("the host answered {other:?} for a cluster"),
    }
}

fn print_stack(answer: Response) -> anyhow::Result<()> {
    let Response::Stack(addresses) = answer else {
        anyhow::bail!("the host answered {answer:?} for a stack")
    };
    for (variable, url) in [
        ("DATABASE_URL", addresses.postgres),
        ("REDIS_URL", addresses.redis),
        ("ULTRA_URL", addresses.service),
    ] {
        if let Some(url) = url {
            export(variable, &url)?;
        }
    }
    Ok(())
}

fn print_cluster(kubeconfig: &Path, kubectl: &Path) -> anyhow::Result<()> {
    export("KUBECONFIG", &kubeconfig.display().to_string())?;
    if which("kubectl").is_none()
        && let Some(folder) = kubectl.parent()
    {
        writeln!(
            std::io::stdout(),
            "export PATH={}:\"$PATH\"",
            quoted(&folder.display().to_string())
        )?;
        tell("kubectl is not on the PATH: the line above puts the cluster's own there")?;
    }
    tell("the operator waits: kubectl apply -f manifests/examples/minimal.yaml")?;
    Ok(())
}

/// A line for the shell: `eval "$(cargo testenv up)"` sets all of them.
fn export(variable: &str, value: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "export {variable}={}", quoted(value))
}

/// Left alone when the shell takes it as it is, so that it reads and copies well.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:@._-+=%".contains(letter);
    match value.chars().all(plain) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', r"'\''")),
    }
}

fn tell(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "{text}")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for value in [
            "postgres://postgres:postgres@127.0.0.1:5432/test_1",
            "/home/o'brien/a folder/$HOME",
        ] {
            let script = format!("printf %s {}", quoted(value));
            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}
