//! Arguments, and one file per subcommand.

pub mod print;
pub mod render;
pub mod run;

use crate::settings::Settings;
use clap::{Parser, Subcommand};

/// Reconciles UltraDeployments into running Ultras.
#[derive(Debug, Parser)]
#[command(name = "ultra-operator", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the operator can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reconcile the UltraDeployments of a cluster
    Run(Settings),
    /// Print the CustomResourceDefinition
    Crd,
    /// Print the ClusterRole with everything that the operator may do
    Rbac,
    /// Print everything that a cluster needs to run the operator
    Install,
    /// Print every child of an UltraDeployment, without a cluster, secrets redacted
    Render(render::Render),
}
