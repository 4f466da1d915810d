//! The data file that says what of a distribution's packages goes into an image.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::provision::assets::ImageAssets;
use crate::provision::error::{Error, Result};

/// Raised when the builder itself changes what it makes of an unchanged recipe.
const BUILDER_GENERATION: &str = "2";

/// What an image is made of. `{version}` in the file stands for the image's version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// Which suite of the distribution has which version of the image.
    pub(crate) suites: BTreeMap<String, String>,
    /// What packages, unpacked files and archive take while the image is built.
    pub(crate) space_mb: u64,
    /// The packages, whose dependencies come with them.
    pub(crate) packages: Vec<String>,
    /// Dependencies that nothing kept here uses: they are not downloaded.
    #[serde(default)]
    pub(crate) without: Vec<String>,
    /// Files and folders that go into the image, with the shared libraries that they need.
    pub(crate) keep: Vec<String>,
    /// What does not go into it after all: every path that begins so.
    #[serde(default)]
    pub(crate) drop: Vec<String>,
    /// Symbolic links, from path to target.
    #[serde(default)]
    pub(crate) links: BTreeMap<String, String>,
    /// Names under which busybox is called.
    #[serde(default)]
    pub(crate) applets: Vec<String>,
    /// Empty folders.
    #[serde(default)]
    pub(crate) folders: Vec<Folder>,
    /// Files that no package has.
    #[serde(default)]
    pub(crate) files: Vec<NewFile>,
    /// Text that goes to the end of a package's file.
    #[serde(default)]
    pub(crate) append: BTreeMap<String, String>,
    /// How the finished image proves its version.
    pub(crate) verify: Verify,
}

/// An empty folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    pub(crate) path: String,
    #[serde(default = "default_folder_mode", deserialize_with = "octal")]
    pub(crate) mode: u32,
    /// User and group id.
    #[serde(default)]
    pub(crate) owner: u32,
}

/// A file of ours, written in the recipe or lying beside it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFile {
    pub(crate) path: String,
    #[serde(default = "default_file_mode", deserialize_with = "octal")]
    pub(crate) mode: u32,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// Where a file's content comes from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Content(String),
    Asset(String),
}

/// A command in the image, and what its output must contain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    pub(crate) command: Vec<String>,
    pub(crate) says: String,
}

fn default_folder_mode() -> u32 {
    0o755
}

fn default_file_mode() -> u32 {
    0o644
}

fn octal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    u32::from_str_radix(&text, 8).map_err(serde::de::Error::custom)
}

impl Recipe {
    /// Reads the recipe of an image for one of its versions.
    pub(crate) fn parse(image: &str, assets: &ImageAssets, version: &str) -> Result<Self> {
        let unusable = |reason: String| Error::Recipe {
            image: image.to_owned(),
            reason,
        };
        let text = assets
            .file("recipe.yaml")
            .ok_or_else(|| unusable("recipe.yaml is missing".to_owned()))?;
        serde_yaml::from_str(&text.replace("{version}", version)).map_err(|error| unusable(error.to_string()))
    }

    /// The suite that has the version.
    pub(crate) fn suite(&self, reference: &str, version: &str) -> Result<&str> {
        let known = || {
            self.suites
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        self.suites
            .get(version)
            .map(String::as_str)
            .ok_or_else(|| Error::NoImage {
                reference: reference.to_owned(),
                reason: format!("the recipe has only {}", known()),
                remedy: format!("load {reference} into the engine, or ask for one of those"),
            })
    }
}

/// Changes whenever anything that an image is made of changes: its recipe, its files, its version, or `inputs`.
pub(crate) fn recipe_hash(assets: &ImageAssets, version: &str, inputs: &[&str]) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    };
    add(BUILDER_GENERATION);
    add(version);
    for (name, content) in assets.files {
        add(name);
        add(content);
    }
    inputs.iter().for_each(|input| add(input));
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::assets;

    #[test]
    fn every_recipe_parses_for_each_version_that_it_offers() {
        for (image, assets) in [
            ("postgres", &assets::POSTGRES),
            ("redis", &assets::REDIS),
            ("node", &assets::NODE),
        ] {
            let recipe = Recipe::parse(image, assets, "0").unwrap();
            for version in recipe.suites.keys() {
                let recipe = Recipe::parse(image, assets, version).unwrap();
                assert!(
                    recipe.verify.says.contains(version.as_str()) || image == "node",
                    "{image} {version}"
                );
                for file in &recipe.files {
                    if let Source::Asset(name) = &file.source {
                        assert!(assets.file(name).is_some(), "{image} lacks {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_version_that_no_suite_has_names_those_that_there_are() {
        let recipe = Recipe::parse("redis", &assets::REDIS, "9").unwrap();
        let error = recipe.suite("redis:9", "9").unwrap_err().to_string();
        assert!(error.contains("redis:9") && error.contains("7.0, 8"), "{error}");
    }

    #[test]
    fn the_hash_changes_with_the_version_and_every_input() {
        let hash = |version, inputs: &[&str]| recipe_hash(&assets::REDIS, version, inputs);
        assert_eq!(hash("8", &[]), hash("8", &[]));
        assert_ne!(hash("8", &[]), hash("7.0", &[]));
        assert_ne!(hash("8", &["ab", "c"]), hash("8", &["a", "bc"]));
    }
}
