//! The licences of all that is built, by the list in deny.toml.
//!
//! cargo-deny checks the same and more, but is a tool that not everybody has.

use crate::manifest::Manifest;
use crate::metadata::Metadata;
use crate::stop::Stop;
use crate::tidy::Finding;
use crate::tidy::licences::is_allowed;
use crate::tidy::tree::Tree;

const LIST: &str = "deny.toml";

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>, Stop> {
    let allowed = match allowed(tree.text(LIST).unwrap_or_default()) {
        Ok(allowed) => allowed,
        Err(why) => return Ok(vec![Finding::new(LIST, 0, why)]),
    };
    Ok(licences(&Metadata::read(&["--all-features"])?, &allowed))
}

/// Reads the list: `allow` in `[licenses]`.
fn allowed(text: &str) -> Result<Vec<String>, String> {
    let list = Manifest::parse(text)?;
    Ok(list
        .strs(&["licenses", "allow"])
        .map(str::to_owned)
        .collect())
}

fn licences(metadata: &Metadata, allowed: &[String]) -> Vec<Finding> {
    let allowed: Vec<_> = allowed.iter().map(String::as_str).collect();
    let mut findings = Vec::new();
    for package in metadata.packages() {
        let (name, version, licence) = (package.name(), package.version(), package.licence());
        let what = match is_allowed(licence, &allowed) {
            Ok(true) => continue,
            Ok(false) => format!("{name} {version} is under `{licence}`, which is not allowed"),
            Err(why) => format!("{name} {version} is under `{licence}`: {why}"),
        };
        findings.push(Finding::new(LIST, 0, what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(licence: &str) -> Vec<String> {
        let list = "[licenses]\nallow = [\n  \"MIT\", # ours\n  \"ISC\",\n]\n";
        let allowed = allowed(list).expect("this is TOML");
        let metadata = format!(
            "{{\"packages\": [{{\"name\": \"a\", \"version\": \"1.0.0\", \"license\": {licence}}}]}}"
        );
        let metadata = Metadata::parse(&metadata).expect("this is JSON");
        let findings = licences(&metadata, &allowed);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_licence_on_the_list_is_good() {
        assert_eq!(found("\"MIT OR GPL-3.0-only\""), [""; 0]);
        assert_eq!(found("\"MIT AND ISC\""), [""; 0]);
    }

    #[test]
    fn a_licence_off_the_list_and_none_at_all_are_found() {
        assert_eq!(
            found("\"GPL-3.0-only\""),
            ["a 1.0.0 is under `GPL-3.0-only`, which is not allowed"]
        );
        assert_eq!(found("null"), ["a 1.0.0 is under ``: it ends too early"]);
    }
}
