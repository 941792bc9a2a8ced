//! The licences of all that is built, by the list in deny.toml.
//!
//! cargo-deny checks the same and more, but is a tool that not everybody has.

use spdx::{Expression, LicenseReq, ParseMode};

use crate::manifest::Manifest;
use crate::metadata::Metadata;
use crate::stop::Stop;
use crate::tidy::Finding;
use crate::tidy::tree::Tree;

const LIST: &str = "deny.toml";

/// How packages write what they are under: some with a slash, which is an old way to say `OR`, and
/// some with a name that the list of SPDX has given up.
const AS_WRITTEN: ParseMode = ParseMode {
    allow_slash_as_or_operator: true,
    allow_deprecated: true,
    ..ParseMode::STRICT
};

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
    let mut findings = Vec::new();
    for package in metadata.packages() {
        let (name, version, licence) = (package.name(), package.version(), package.licence());
        let what = match is_allowed(licence, allowed) {
            Ok(true) => continue,
            Ok(false) => format!("{name} {version} is under `{licence}`, which is not allowed"),
            Err(why) => format!("{name} {version} is under `{licence}`: {why}"),
        };
        findings.push(Finding::new(LIST, 0, what));
    }
    findings
}

/// Whether an expression can be satisfied with `allowed` alone. An `Err` says why it cannot be read.
///
/// A licence `WITH` an exception is allowed where the licence is: an exception only permits more.
fn is_allowed(expression: &str, allowed: &[String]) -> Result<bool, String> {
    let expression = Expression::parse_mode(expression, AS_WRITTEN);
    let expression = expression.map_err(|error| error.reason.to_string())?;
    let is_listed = |wanted: &LicenseReq| {
        let id = wanted.license.id();
        id.is_some_and(|id| allowed.iter().any(|allowed| allowed == id.name))
    };
    Ok(expression.evaluate(is_listed))
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
        assert_eq!(found("null"), ["a 1.0.0 is under ``: empty expression"]);
    }

    fn weighed(expression: &str) -> Result<bool, String> {
        is_allowed(
            expression,
            &["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned),
        )
    }

    #[test]
    fn expressions_are_weighed() {
        for (expression, verdict) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND NCSA", false),
            ("GPL-3.0-only OR MIT AND Unicode-3.0", true),
            ("MIT OR GPL-3.0-only AND NCSA", true),
            ("Apache-2.0 WITH LLVM-exception", true),
        ] {
            assert_eq!(weighed(expression), Ok(verdict), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_allowed() {
        for expression in [
            "", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT MIT", "MIT WITH", "mit",
        ] {
            assert!(weighed(expression).is_err(), "{expression}");
        }
    }
}
