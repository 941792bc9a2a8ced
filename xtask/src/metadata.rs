//! What `cargo metadata` says of the workspace and its dependencies.

use std::path::PathBuf;

use serde_json::Value;

use crate::project::cargo;
use crate::stop::Stop;

/// What `cargo metadata` says.
pub(crate) struct Metadata(Value);

/// A package of the workspace, or one that it depends on.
pub(crate) struct Package<'a>(&'a Value);

impl Metadata {
    pub(crate) fn read(arguments: &[&str]) -> Result<Self, Stop> {
        let text = cargo("metadata --quiet --format-version 1")
            .args(arguments)
            .quietly()
            .stdout()?;
        Self::parse(&text).map_err(|error| Stop::Failed(format!("cargo metadata: {error}")))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    pub(crate) fn target(&self) -> PathBuf {
        text(&self.0["target_directory"]).into()
    }

    pub(crate) fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        list(&self.0["packages"]).map(Package)
    }

    /// Whether a package of the workspace has a target of this kind: `bench`, `example`.
    pub(crate) fn has_target(&self, package: &str, kind: &str) -> bool {
        self.packages()
            .filter(|candidate| candidate.name() == package)
            .flat_map(|candidate| list(&candidate.0["targets"]))
            .flat_map(|target| list(&target["kind"]))
            .any(|found| found == kind)
    }
}

impl<'a> Package<'a> {
    pub(crate) fn name(&self) -> &'a str {
        text(&self.0["name"])
    }

    pub(crate) fn version(&self) -> &'a str {
        text(&self.0["version"])
    }

    /// Returns the licence expression, empty if the package states none.
    pub(crate) fn licence(&self) -> &'a str {
        text(&self.0["license"])
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
