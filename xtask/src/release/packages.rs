//! The packages as they would be published, and whether they are what is in the checkout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata};

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::stop::{Stop, at};

/// Features of our own models: outside semver, and of no use to anybody else.
const FOR_MODELS: [&str; 3] = ["loom", "model", "shuttle"];

/// What cargo adds to a package, or writes anew.
const BY_CARGO: [&str; 4] = [
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
];

/// A crate that is published.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Where it is in the checkout.
    pub(crate) source: PathBuf,
    /// Its features, without `default`.
    pub(crate) features: Vec<String>,
    /// What it asks for beside our own crates, not for tests.
    pub(crate) dependencies: Vec<String>,
    pub(crate) metadata: cargo_metadata::Package,
}

impl Package {
    /// Where it lies as it would be downloaded.
    pub(crate) fn unpacked(&self, project: &Project) -> Result<PathBuf, Stop> {
        let folder = folder(project)?;
        Ok(Path::new(&folder).join(format!("{}-{}", self.name, self.version)))
    }

    /// Returns the features that no user turns on, with commas between.
    pub(crate) fn test_features(&self) -> String {
        let features = self.features.iter().map(String::as_str);
        let features: Vec<_> = features.filter(|one| FOR_MODELS.contains(one)).collect();
        features.join(",")
    }
}

/// Where packages are made and unpacked.
fn folder(project: &Project) -> Result<String, Stop> {
    Ok(format!("{}/package", project.target_for("dry-run")?))
}

/// Makes all packages, each after those that it depends on, and unpacks them.
pub(crate) fn pack(project: &Project) -> Result<Vec<Package>, Stop> {
    let packages = published(&project.metadata()?)?;
    let target = project.target_for("dry-run")?;
    let names = packages
        .iter()
        .map(|package| format!("-p {}", package.name));
    let names = names.collect::<Vec<_>>().join(" ");
    cargo(&format!(
        "package --no-verify --allow-dirty --target-dir {target} {names}"
    ))
    .run()?;
    let folder = folder(project)?;
    for package in &packages {
        let unpacked = package.unpacked(project)?;
        if unpacked.is_dir() {
            fs::remove_dir_all(&unpacked).map_err(at(&unpacked))?;
        }
        let file = format!("{}-{}.crate", package.name, package.version);
        Command::typed("tar", &format!("xzf {file}"))
            .in_directory(&folder)
            .run()?;
    }
    Ok(packages)
}

/// Returns the crates that are published, each after those that it depends on.
fn published(metadata: &Metadata) -> Result<Vec<Package>, Stop> {
    let packages = metadata.packages.iter();
    let packages = packages.filter(|package| package.publish.as_deref() != Some(&[]));
    let mut waiting: BTreeMap<_, _> = packages
        .map(|package| (package.name.to_string(), package))
        .collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_free = |package: &cargo_metadata::Package| {
            let needed = package.dependencies.iter();
            !needed
                .filter(|one| one.kind == DependencyKind::Normal)
                .any(|one| waiting.contains_key(&one.name))
        };
        let next = waiting.iter().find(|(_, package)| is_free(package));
        let Some((name, _)) = next else {
            let names: Vec<_> = waiting.keys().map(String::as_str).collect();
            return Stop::failed(format!("{} depend on each other", names.join(", ")));
        };
        let name = name.clone();
        order.extend(waiting.remove(&name).map(package));
    }
    Ok(order)
}

fn package(metadata: &cargo_metadata::Package) -> Package {
    let manifest = metadata.manifest_path.as_std_path();
    let dependencies = metadata.dependencies.iter();
    let dependencies = dependencies
        .filter(|one| one.kind == DependencyKind::Normal && one.path.is_none())
        .map(|one| one.rename.as_ref().unwrap_or(&one.name).clone());
    let features = metadata.features.keys();
    Package {
        name: metadata.name.to_string(),
        version: metadata.version.to_string(),
        source: manifest.parent().unwrap_or(manifest).to_owned(),
        features: features.filter(|one| *one != "default").cloned().collect(),
        dependencies: dependencies.collect(),
        metadata: metadata.clone(),
    }
}

/// Each package holds its sources, pages and licences as they are in the checkout. So what the
/// workspace's tests hold of the checkout, the tests that need unpublished crates included, they
/// hold of the packages.
pub(crate) fn same_as_here(project: &Project, packages: &[Package]) -> Result<(), Stop> {
    for package in packages {
        let unpacked = package.unpacked(project)?;
        let (packed, here) = (files(&unpacked)?, files(&package.source)?);
        let in_source = |file: &&PathBuf| file.starts_with("src") || file.components().count() == 1;
        let missing: Vec<_> = here.difference(&packed).filter(in_source).collect();
        if !missing.is_empty() {
            return Stop::failed(format!("{} lacks {missing:?}", package.name));
        }
        for file in &packed {
            if BY_CARGO.iter().any(|name| file == Path::new(name)) {
                continue;
            }
            let read = |place: PathBuf| fs::read(&place).map_err(at(place));
            if read(unpacked.join(file))? != read(package.source.join(file))? {
                return Stop::failed(format!("{}: {} differs", package.name, file.display()));
            }
        }
        let left_out: Vec<_> = here
            .difference(&packed)
            .map(|file| file.display())
            .collect();
        let left_out = match left_out.as_slice() {
            [] => "nothing".to_owned(),
            files => files
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        };
        println!(
            "{} {}: {} files as they are here; left out: {left_out}",
            package.name,
            package.version,
            packed.len()
        );
    }
    Ok(())
}

/// Returns the files below a directory, by their names from there.
fn files(directory: &Path) -> Result<BTreeSet<PathBuf>, Stop> {
    let mut found = BTreeSet::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let path = entry.map_err(at(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(directory) {
                found.insert(name.to_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_comes_before_what_depends_on_it() {
        let mut command = cargo_metadata::MetadataCommand::new();
        let metadata = command.no_deps().exec().expect("this is a workspace");
        let packages = published(&metadata).expect("there is an order");
        let place = |name: &str| packages.iter().position(|one| one.name == name);
        assert!(place("singleflight-core") < place("singleflight-std"));
        assert!(place("singleflight-std").is_some());
        assert_eq!(place("singleflight-conformance"), None);
        let core = &packages[place("singleflight-core").expect("it is published")];
        assert_eq!(core.test_features(), "loom,shuttle");
    }
}
