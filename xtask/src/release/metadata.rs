//! What a registry and docs.rs want to know of a crate, and the changelog.

use std::fs;

use crate::project::Project;
use crate::release::packages::Package;
use crate::stop::{Stop, at};

/// How long a keyword may be, and how many there may be: what the registry takes.
const KEYWORDS: (usize, usize) = (5, 20);

pub(crate) fn complete(project: &Project, packages: &[Package]) -> Result<(), Stop> {
    let mut complaints = Vec::new();
    for package in packages {
        let unpacked = package.unpacked(project)?;
        let has_file = |name: &str| unpacked.join(name).is_file();
        let of_package = lacks(&package.metadata, has_file);
        complaints.extend(of_package.map(|what| format!("{}: {what}", package.name)));
    }
    if let Some(first) = packages.first() {
        let others = packages.iter().filter(|one| one.version != first.version);
        complaints.extend(others.map(|one| {
            format!(
                "{} is {}, {} is {}",
                one.name, one.version, first.name, first.version
            )
        }));
        println!("all are version {}", first.version);
        if first.metadata.repository.is_none() {
            println!("!!! no `repository` yet: set it before the first release");
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Stop::failed(complaints.join("; "))
    }
}

/// Says what is missing or not as it should be.
fn lacks(
    package: &cargo_metadata::Package,
    has_file: impl Fn(&str) -> bool,
) -> impl Iterator<Item = String> {
    let (most, longest) = KEYWORDS;
    let keywords = &package.keywords;
    let docs = &package.metadata["docs"]["rs"];
    let asked = docs["features"].as_array().into_iter().flatten();
    let unknown: Vec<_> = asked
        .filter(|name| {
            !name
                .as_str()
                .is_some_and(|name| package.features.contains_key(name))
        })
        .map(|name| format!("docs.rs is to build with a feature {name} that there is not"))
        .collect();
    let rules = [
        (package.description.is_some(), "no description"),
        (package.license.is_some(), "no licence"),
        (package.rust_version.is_some(), "no rust-version"),
        (!package.authors.is_empty(), "no authors"),
        (!package.categories.is_empty(), "no category"),
        (package.categories.len() <= most, "too many categories"),
        (!keywords.is_empty(), "no keyword"),
        (keywords.len() <= most, "too many keywords"),
        (
            keywords.iter().all(|keyword| keyword.len() <= longest),
            "a keyword is too long",
        ),
        (docs.is_object(), "nothing for docs.rs"),
        (has_file("README.md"), "no README.md in it"),
        (has_file("LICENSE-MIT"), "no LICENSE-MIT in it"),
        (has_file("LICENSE-APACHE"), "no LICENSE-APACHE in it"),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, what)| what.to_owned()).chain(unknown)
}

/// The changelog tells something of what is to be released.
pub(crate) fn changelog(_: &Project, packages: &[Package]) -> Result<(), Stop> {
    let text = fs::read_to_string("CHANGELOG.md").map_err(at("CHANGELOG.md"))?;
    let Some(package) = packages.first() else {
        return Stop::failed("nothing is published");
    };
    match told(&text, &package.version) {
        Ok(how) => {
            println!("{how}");
            Ok(())
        }
        Err(why) => Stop::failed(format!("CHANGELOG.md: {why}")),
    }
}

/// Says where the changelog tells of this version.
fn told(text: &str, version: &str) -> Result<String, String> {
    let mut sections = text.split("\n## ").skip(1);
    let first = sections.next().ok_or("no version in it")?;
    let (title, body) = first.split_once('\n').unwrap_or((first, ""));
    let lines = body.lines().filter(|line| line.starts_with("- ")).count();
    if lines == 0 {
        return Err(format!("`{title}` tells nothing"));
    }
    let name = title.split([' ', ']']).next().unwrap_or(title);
    match name.trim_start_matches('[') {
        "Unreleased" => Ok(format!(
            "{lines} lines under `{title}`, which is to be named {version} with its date"
        )),
        named if named == version => Ok(format!("{lines} lines under `{title}`")),
        _ => Err(format!(
            "`{title}` stands first, and {version} is to be released"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_tells_of_the_version_or_of_what_is_unreleased() {
        let page = |title: &str| format!("# Changelog\n\n## {title}\n\n- A line.\n\n## 0.0.9\n");
        for title in ["Unreleased", "0.1.0 (2027-01-01)", "[0.1.0] - 2027-01-01"] {
            assert!(told(&page(title), "0.1.0").is_ok(), "{title}");
        }
        for text in [
            "",
            "# Changelog\n",
            "\n## Unreleased\n\nNo line.\n",
            &page("0.0.9"),
        ] {
            assert!(told(text, "0.1.0").is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut command = cargo_metadata::MetadataCommand::new();
        let metadata = command.no_deps().exec().expect("this is a workspace");
        let core = metadata
            .packages
            .iter()
            .find(|one| *one.name == "singleflight-core");
        let mut core = core.expect("it is there").clone();
        assert_eq!(lacks(&core, |_| true).count(), 0);
        core.description = None;
        core.keywords = vec!["x".repeat(21)];
        let told: Vec<_> = lacks(&core, |name| name != "LICENSE-MIT").collect();
        assert_eq!(
            told,
            [
                "no description",
                "a keyword is too long",
                "no LICENSE-MIT in it"
            ]
        );
    }
}
