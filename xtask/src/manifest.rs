//! A `Cargo.toml`, or another file in its language, as far as the checks ask.

use toml::{Table, Value};

/// One line in a section of dependencies.
pub(crate) struct Dependency<'a> {
    /// The name in the registry.
    pub(crate) package: &'a str,
    pub(crate) is_inherited: bool,
    pub(crate) version: Option<&'a str>,
}

/// Reads a file. The error is a line that says why it cannot be read.
pub(crate) fn parse(text: &str) -> Result<Table, String> {
    let table = text.parse::<Table>();
    table.map_err(|error| error.message().replace('\n', " "))
}

/// Returns the value at the end of a path of keys.
pub(crate) fn value<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let begin = table.get(*first)?;
    rest.iter().try_fold(begin, |value, key| value.get(key))
}

/// Returns what the package depends on, for every purpose and every target.
pub(crate) fn dependencies(manifest: &Table) -> Vec<Dependency<'_>> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = [manifest]
        .into_iter()
        .chain(targets.filter_map(Value::as_table));
    tables
        .flatten()
        .filter(|(name, _)| name.ends_with("dependencies"))
        .flat_map(|(_, section)| section_of(section))
        .collect()
}

/// Returns what the packages of the workspace inherit.
pub(crate) fn inheritable(manifest: &Table) -> Vec<Dependency<'_>> {
    let section = value(manifest, &["workspace", "dependencies"]);
    section.into_iter().flat_map(section_of).collect()
}

/// Returns the packages of a lock file and their versions, but for those that are in the checkout.
pub(crate) fn locked(lock: &Table) -> Vec<(&str, &str)> {
    let packages = lock.get("package").and_then(Value::as_array);
    let packages = packages.into_iter().flatten();
    packages
        .filter(|package| package.get("source").is_some())
        .filter_map(|package| {
            Some((
                package.get("name")?.as_str()?,
                package.get("version")?.as_str()?,
            ))
        })
        .collect()
}

/// Whether a value, or a part of it, comes from the workspace.
pub(crate) fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn section_of(section: &Value) -> impl Iterator<Item = Dependency<'_>> {
    let table = section.as_table().into_iter().flatten();
    table.map(|(name, value)| Dependency {
        package: value.get("package").and_then(Value::as_str).unwrap_or(name),
        is_inherited: is_inherited(value),
        version: value.get("version").unwrap_or(value).as_str(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_section_are_found() {
        let text = "[dependencies]\nx.workspace = true\ny = { workspace = true, features = [\"f\"] }\n\
            z = \"1\"\n[target.'cfg(unix)'.dev-dependencies.w]\npackage = \"v\"\nversion = \">=2\"\n\
            [workspace.dependencies]\nx = { version = \"3\" }\n";
        let manifest = parse(text).expect("it is good");
        let told = |found: Vec<Dependency<'_>>| {
            let told = found.iter();
            let told =
                told.map(|one| format!("{} {} {:?}", one.package, one.is_inherited, one.version));
            told.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            told(dependencies(&manifest)),
            "x true None, y true None, z false Some(\"1\"), v false Some(\">=2\")"
        );
        assert_eq!(told(inheritable(&manifest)), "x false Some(\"3\")");
    }

    #[test]
    fn a_lock_file_names_what_came_from_elsewhere() {
        let text = "version = 4\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\
            [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        assert_eq!(locked(&parse(text).expect("it is good")), [("a", "1.0.0")]);
    }

    #[test]
    fn what_is_no_manifest_says_why_in_a_line() {
        let why = parse("[package\nname = 1\n").expect_err("a bracket is not closed");
        assert!(!why.is_empty() && !why.contains('\n'), "{why}");
    }
}
