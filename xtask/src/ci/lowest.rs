//! The step `lowest`: the published crates, built of the lowest versions that they ask for.
//!
//! A lock file has the newest versions, so a bound that is too low is seen by nobody but a user
//! whose lock file is older. Here `crates/` is copied to a workspace under target/, in which each
//! version that a published crate asks for is the only one: `=1.6.0` in place of `1.6`. The versions of
//! everything else are those of the lock file, as far as the lowest go with them.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use cargo_metadata::{DependencyKind, Metadata};
use toml::Value;

use crate::ci::dependencies::{FRONT_ENDS, LAYERS};
use crate::ci::features::{FEATURE_SETS, core_with};
use crate::command::run_all;
use crate::manifest::parse;
use crate::project::{Project, cargo};
use crate::stop::Stop;
use crate::versions::{lowest as lowest_version, requirement};

/// The core's features that bring a dependency.
const WITH_DEPENDENCIES: &str = "critical-section,portable-atomic,tracing";

/// What cargo says when there is no network.
const NO_NETWORK: [&str; 3] = [
    "failed to download",
    "network failure",
    "Could not resolve host",
];

pub(crate) fn lowest(project: &Project) -> Result<(), Stop> {
    let target = project.target_for("lowest")?;
    let workspace = format!("{target}/workspace");
    copy(project, Path::new(&workspace))?;
    let manifest = format!("--manifest-path {workspace}/Cargo.toml");
    resolve(&manifest)?;
    let within = |verb: &str, what: &str| {
        cargo(&format!(
            "{verb} --locked {manifest} --target-dir {target} {what}"
        ))
    };
    let layers = within("check", LAYERS);
    let checks = FEATURE_SETS.map(|features| within("check", &core_with(features)));
    let core = core_with(WITH_DEPENDENCIES);
    let tests = [
        format!("-p singleflight-core {FRONT_ENDS} --lib --tests --no-fail-fast"),
        format!("{core} --lib --test it --no-fail-fast"),
    ];
    run_all(
        checks
            .into_iter()
            .chain([layers])
            .chain(tests.map(|what| within("test", &what))),
    )
}

/// Makes the copy, with the lock file of this checkout to start from.
fn copy(project: &Project, workspace: &Path) -> Result<(), Stop> {
    let unread = |error: io::Error| Stop::Failed(format!("the copy of the workspace: {error}"));
    let text = fs::read_to_string("Cargo.toml").map_err(unread)?;
    let text = pinned(&text, &depended_on(&project.metadata()?));
    let text = text.map_err(|why| Stop::Failed(format!("Cargo.toml: {why}")))?;
    if workspace.is_dir() {
        fs::remove_dir_all(workspace).map_err(unread)?;
    }
    copy_directory(Path::new("crates"), &workspace.join("crates")).map_err(unread)?;
    // What starts servers for the tests of crates that need one.
    copy_directory(Path::new("chaos/arena"), &workspace.join("chaos/arena")).map_err(unread)?;
    fs::copy("Cargo.lock", workspace.join("Cargo.lock")).map_err(unread)?;
    fs::write(workspace.join("Cargo.toml"), text).map_err(unread)
}

/// Copies with the times of the files, so that cargo builds again only what has changed.
fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_directory(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
            let modified = fs::metadata(&from)?.modified()?;
            fs::File::options()
                .write(true)
                .open(&to)?
                .set_modified(modified)?;
        }
    }
    Ok(())
}

/// Returns the workspace's manifest with the crates alone, in which what the published ones depend
/// on has one version, the lowest. The error says why not.
fn pinned(text: &str, names: &BTreeSet<String>) -> Result<String, String> {
    let mut manifest = parse(text)?;
    let workspace = manifest.get_mut("workspace").and_then(Value::as_table_mut);
    let workspace = workspace.ok_or("there is no workspace")?;
    workspace.insert("members".to_owned(), vec!["crates/*", "chaos/arena"].into());
    let inherited = workspace.get_mut("dependencies");
    let inherited = inherited
        .and_then(Value::as_table_mut)
        .into_iter()
        .flatten();
    let mut told = Vec::new();
    for (name, dependency) in inherited.filter(|(name, _)| names.contains(*name)) {
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
    println!("with {}", told.join(", "));
    Ok(manifest.to_string())
}

/// Returns what the published crates depend on, by its name in the manifests, but not for tests; and
/// not our own, which have a version to be published with and are built from the checkout.
fn depended_on(metadata: &Metadata) -> BTreeSet<String> {
    let packages = metadata.packages.iter();
    let published = packages.filter(|package| package.publish.as_deref() != Some(&[]));
    let dependencies = published.flat_map(|package| &package.dependencies);
    let for_users = dependencies.filter(|dependency| {
        dependency.kind == DependencyKind::Normal && dependency.path.is_none()
    });
    for_users
        .map(|dependency| {
            dependency
                .rename
                .as_ref()
                .unwrap_or(&dependency.name)
                .clone()
        })
        .collect()
}

/// Lets cargo choose the other versions, and fetch what is not here.
fn resolve(manifest: &str) -> Result<(), Stop> {
    // Without the network if it can be, so that an outage is no failure.
    let fetch = |how: &str| cargo(&format!("fetch {manifest}{how}"));
    if fetch(" --offline").succeeds() {
        return Ok(());
    }
    let (succeeded, text) = fetch("").try_output()?;
    if succeeded {
        return Ok(());
    }
    println!("{text}");
    Err(refusal(&text))
}

/// Tells a version that is not there, or not with the others, from a network that is not.
fn refusal(text: &str) -> Stop {
    if NO_NETWORK.iter().any(|sign| text.contains(sign)) {
        Stop::Unable("the lowest versions are not here, and cannot be fetched".to_owned())
    } else {
        Stop::Failed("cargo cannot take the lowest versions".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace]\nmembers = [\"crates/*\", \"benches\"]\n\
        [workspace.dependencies]\na = \"1.2\"\nb = { version = \"0.3\", optional = true }\n\
        c = \"2\"\n";

    #[test]
    fn what_published_crates_depend_on_has_its_lowest_version_alone() {
        let names = BTreeSet::from(["a", "b"].map(str::to_owned));
        let pinned = pinned(WORKSPACE, &names).expect("it can be read");
        let pinned = parse(&pinned).expect("it is a manifest");
        let expected = WORKSPACE
            .replace("\"1.2\"", "\"=1.2.0\"")
            .replace("\"0.3\"", "\"=0.3.0\"")
            .replace("\"benches\"", "\"chaos/arena\"");
        assert_eq!(Ok(pinned), parse(&expected));
    }

    #[test]
    fn a_workspace_that_cannot_be_read_says_why() {
        let names = BTreeSet::from(["a".to_owned()]);
        for text in [
            "[workspace\n",
            "[package]\n",
            &WORKSPACE.replace("1.2", "one"),
        ] {
            assert!(pinned(text, &names).is_err(), "{text}");
        }
    }

    #[test]
    fn the_published_crates_depend_on_something() {
        let mut command = cargo_metadata::MetadataCommand::new();
        let metadata = command.no_deps().exec().expect("this is a workspace");
        let names = depended_on(&metadata);
        let holds = |name: &str| names.contains(name);
        assert!(holds("event-listener") && holds("tokio"), "{names:?}");
        assert!(
            !holds("proptest") && !holds("singleflight-core"),
            "{names:?}"
        );
    }

    #[test]
    fn only_a_network_that_is_away_makes_it_unable() {
        let away = "error: failed to get `a`\n\nCaused by:\n  failed to download from `it`\n";
        assert!(matches!(refusal(away), Stop::Unable(_)));
        let withdrawn = "error: failed to select a version for the requirement `spin = \"=0.12.1\"`\n\
            version 0.12.1 is yanked\n";
        assert!(matches!(refusal(withdrawn), Stop::Failed(_)));
    }
}
