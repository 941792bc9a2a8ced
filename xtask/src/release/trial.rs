//! Each package, built and tested from what would be downloaded and nothing else.
//!
//! A package is given a workspace of its own under target/, in which our other crates are the
//! packages too. Then a user's cargo finds the versions of everything else: the newest that are
//! admitted, or the lowest that the package asks for.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::command::Command;
use crate::manifest::parse;
use crate::project::{Project, cargo};
use crate::release::packages::Package;
use crate::stop::{Stop, at};
use crate::versions::{lowest as lowest_version, requirement};

/// What is not asked of a package with its lowest dependencies: tests have needs of their own.
const SECTIONS: [&str; 1] = ["dependencies"];

pub(crate) fn newest(project: &Project, packages: &[Package]) -> Result<(), Stop> {
    for package in packages {
        let trial = Trial::prepare(project, packages, package, "newest")?;
        trial.cargo("update").run()?;
        trial.test()?;
    }
    Ok(())
}

pub(crate) fn lowest(project: &Project, packages: &[Package]) -> Result<(), Stop> {
    for package in packages {
        let trial = Trial::prepare(project, packages, package, "lowest")?;
        trial.pin()?;
        trial.cargo("update").run()?;
        trial.test()?;
    }
    Ok(())
}

/// The pages of docs.rs, with the features that it is told to build with.
pub(crate) fn docs(project: &Project, packages: &[Package]) -> Result<(), Stop> {
    for package in packages {
        let trial = Trial::prepare(project, packages, package, "newest")?;
        let features = &package.metadata.metadata["docs"]["rs"]["features"];
        let features = features.as_array().into_iter().flatten();
        let features: Vec<_> = features.filter_map(|one| one.as_str()).collect();
        let features = match features.join(",").as_str() {
            "" => String::new(),
            features => format!(" --features {features}"),
        };
        trial
            .cargo(&format!("doc --no-deps -p {}{features}", package.name))
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()?;
    }
    Ok(())
}

/// A package in a workspace of its own.
struct Trial<'a> {
    package: &'a Package,
    /// What is in the workspace: the package, and those of ours that it may depend on.
    ours: Vec<&'a Package>,
    workspace: String,
    target: String,
}

impl<'a> Trial<'a> {
    /// Copies the package to its workspace, with the packages that it depends on beside it.
    fn prepare(
        project: &Project,
        packages: &'a [Package],
        package: &'a Package,
        kind: &str,
    ) -> Result<Self, Stop> {
        let target = project.target_for("dry-run")?;
        let workspace = format!("{target}/{kind}/{}", package.name);
        let place = Path::new(&workspace);
        if place.is_dir() {
            fs::remove_dir_all(place).map_err(at(place))?;
        }
        // Those that it may depend on stand before it.
        let before = packages.iter().take_while(|one| one.name != package.name);
        let ours: Vec<_> = before.chain([package]).collect();
        let mut patches = Table::new();
        for one in &ours {
            copy(&one.unpacked(project)?, &place.join(&one.name))?;
            let path = Table::from_iter([("path".to_owned(), Value::from(one.name.clone()))]);
            patches.insert(one.name.clone(), path.into());
        }
        // What is patched with itself would be there twice.
        patches.remove(&package.name);
        let manifest = Table::from_iter([
            (
                "workspace".to_owned(),
                Table::from_iter([
                    ("members".to_owned(), vec![package.name.clone()].into()),
                    ("resolver".to_owned(), "3".into()),
                ])
                .into(),
            ),
            (
                "patch".to_owned(),
                Table::from_iter([("crates-io".to_owned(), patches.into())]).into(),
            ),
        ]);
        let file = place.join("Cargo.toml");
        fs::write(&file, manifest.to_string()).map_err(at(&file))?;
        Ok(Self {
            package,
            ours,
            workspace,
            target: format!("{target}/{kind}/target"),
        })
    }

    fn cargo(&self, line: &str) -> Command {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let within = format!("--manifest-path {}/Cargo.toml", self.workspace);
        let target = match verb {
            "update" => String::new(),
            _ => format!(" --target-dir {}", self.target),
        };
        cargo(&format!("{verb} {within}{target} {rest}"))
    }

    /// Makes the lowest version of each dependency the only one, of our other crates' too.
    fn pin(&self) -> Result<(), Stop> {
        for one in &self.ours {
            let file = format!("{}/{}/Cargo.toml", self.workspace, one.name);
            let text = fs::read_to_string(&file).map_err(at(&file))?;
            let text = pinned(&text, &one.dependencies);
            let text = text.map_err(|why| Stop::Failed(format!("{file}: {why}")))?;
            fs::write(&file, text).map_err(at(&file))?;
        }
        Ok(())
    }

    /// Runs the unit tests, the tests that are in the package, and the examples of its pages.
    fn test(&self) -> Result<(), Stop> {
        let name = &self.package.name;
        let features = self.package.features.iter();
        // A crate that has it is tested with it: without `std`, the core has nothing to wait on.
        let with_std = features.filter(|feature| *feature == "std").count() > 0;
        let features = if with_std { " --features std" } else { "" };
        self.cargo(&format!("build -p {name}")).run()?;
        self.cargo(&format!("test -p {name}{features}")).run()
    }
}

/// Returns the manifest of a package in which these dependencies have one version, the lowest.
fn pinned(text: &str, names: &[String]) -> Result<String, String> {
    let mut manifest = parse(text)?;
    let mut told = Vec::new();
    for (section, dependencies) in &mut manifest {
        if !SECTIONS.contains(&section.as_str()) {
            continue;
        }
        let dependencies = dependencies.as_table_mut().into_iter().flatten();
        for (name, dependency) in dependencies.filter(|(name, _)| names.contains(name)) {
            let version = match dependency {
                Value::Table(table) => table.get_mut("version"),
                version => Some(version),
            };
            let version = version.ok_or_else(|| format!("`{name}` has no version"))?;
            let asked = version.as_str().unwrap_or_default();
            let lowest = lowest_version(&[&requirement(asked)?]);
            let lowest = lowest.ok_or_else(|| format!("`{asked}` admits nothing"))?;
            told.push(format!("{name} {lowest}"));
            *version = format!("={lowest}").into();
        }
    }
    println!("with {}", told.join(", "));
    Ok(manifest.to_string())
}

fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    fs::create_dir_all(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let from = entry.map_err(at(from))?.path();
        let to = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(at(&from))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_pinned_and_those_of_tests_are_not() {
        let manifest = "[dependencies.a]\nversion = \"1.2\"\n[dependencies.ours]\nversion = \"0.1\"\n\
            [dev-dependencies.a]\nversion = \"1.4\"\n";
        let pinned = pinned(manifest, &["a".to_owned()]).expect("it can be read");
        let pinned = parse(&pinned).expect("it is a manifest");
        assert_eq!(
            Ok(pinned),
            parse(&manifest.replace("\"1.2\"", "\"=1.2.0\""))
        );
    }

    #[test]
    fn a_dependency_without_a_version_is_named() {
        let why = pinned("[dependencies.a]\npath = \"a\"\n", &["a".to_owned()]);
        assert!(why.expect_err("it has none").contains("`a`"));
    }
}
