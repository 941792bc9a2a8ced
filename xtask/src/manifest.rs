//! A `Cargo.toml`, or another file in its language, as far as the checks ask.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A file that was read.
pub(crate) struct Manifest<'a> {
    text: &'a str,
    table: DeTable<'a>,
}

/// One line in a section of dependencies.
pub(crate) struct Dependency<'a> {
    /// The name in this manifest.
    pub(crate) name: &'a str,
    /// The name in the registry.
    pub(crate) package: &'a str,
    pub(crate) line: usize,
    /// It stands under `[dependencies]`: the users of the package build it, too.
    pub(crate) is_for_users: bool,
    pub(crate) is_inherited: bool,
    pub(crate) version: Option<&'a str>,
    /// Where the version stands in the text, quotes included.
    pub(crate) version_at: Range<usize>,
}

/// A package that a lock file took from a registry.
pub(crate) struct Locked<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) line: usize,
}

impl<'a> Manifest<'a> {
    /// Reads a file. The error is a line that says why it cannot be read.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| error.message().replace('\n', " "))?;
        let table = table.into_inner();
        Ok(Self { text, table })
    }

    /// Returns the value at the end of a path of keys.
    pub(crate) fn value(&self, path: &[&str]) -> Option<&DeValue<'a>> {
        self.spanned(path).map(Spanned::get_ref)
    }

    /// Returns where that value stands in the text, quotes or brackets included.
    pub(crate) fn at(&self, path: &[&str]) -> Option<Range<usize>> {
        self.spanned(path).map(Spanned::span)
    }

    fn spanned(&self, path: &[&str]) -> Option<&Spanned<DeValue<'a>>> {
        let (last, tables) = path.split_last()?;
        let mut table = &self.table;
        for key in tables {
            table = table.get(*key)?.get_ref().as_table()?;
        }
        table.get(*last)
    }

    pub(crate) fn bool(&self, path: &[&str]) -> Option<bool> {
        self.value(path)?.as_bool()
    }

    pub(crate) fn str(&self, path: &[&str]) -> Option<&str> {
        self.value(path)?.as_str()
    }

    /// Returns the strings of an array of strings.
    pub(crate) fn strs(&self, path: &[&str]) -> impl Iterator<Item = &str> {
        let array = self.value(path).and_then(DeValue::as_array);
        let items = array.into_iter().flat_map(|array| array.iter());
        items.filter_map(|item| item.get_ref().as_str())
    }

    /// Returns what the package depends on, for every purpose and every target, in order.
    pub(crate) fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self.value(&["target"]).and_then(DeValue::as_table);
        let targets = targets.into_iter().flat_map(|targets| targets.values());
        let targets = targets.filter_map(|target| target.get_ref().as_table());
        let mut found = Vec::new();
        for table in [&self.table].into_iter().chain(targets) {
            for (name, section) in table {
                if name.get_ref().ends_with("dependencies") {
                    let is_for_users = name.get_ref() == "dependencies";
                    found.extend(self.section(section, is_for_users));
                }
            }
        }
        found.sort_by_key(|dependency| dependency.line);
        found
    }

    /// Returns what the packages of the workspace inherit, in order.
    pub(crate) fn inheritable(&self) -> Vec<Dependency<'_>> {
        let workspace = self.value(&["workspace"]).and_then(DeValue::as_table);
        let section = workspace.and_then(|workspace| workspace.get("dependencies"));
        let section = section.into_iter();
        let mut found: Vec<_> = section
            .flat_map(|section| self.section(section, false))
            .collect();
        found.sort_by_key(|dependency| dependency.line);
        found
    }

    /// Returns the packages of a lock file, but for those that are in the checkout.
    pub(crate) fn locked(&self) -> Vec<Locked<'_>> {
        let packages = self.value(&["package"]).and_then(DeValue::as_array);
        let packages = packages.into_iter().flat_map(|packages| packages.iter());
        let packages = packages.filter_map(|package| {
            let package = package.get_ref().as_table()?;
            package.get("source")?;
            let (name, version) = (package.get("name")?, package.get("version")?);
            Some(Locked {
                name: name.get_ref().as_str()?,
                version: version.get_ref().as_str()?,
                line: self.line(version.span().start),
            })
        });
        packages.collect()
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    fn section<'b>(
        &'b self,
        section: &'b Spanned<DeValue<'a>>,
        is_for_users: bool,
    ) -> impl Iterator<Item = Dependency<'b>> {
        let table = section.get_ref().as_table().into_iter().flatten();
        table.map(move |(name, value)| self.dependency(name, value, is_for_users))
    }

    fn dependency<'b>(
        &'b self,
        name: &'b Spanned<DeString<'a>>,
        value: &'b Spanned<DeValue<'a>>,
        is_for_users: bool,
    ) -> Dependency<'b> {
        let field = |field| value.get_ref().as_table()?.get(field);
        let text = |value: &'b Spanned<DeValue<'a>>| value.get_ref().as_str();
        let version = field("version").unwrap_or(value);
        Dependency {
            name: name.get_ref(),
            package: field("package").and_then(text).unwrap_or(name.get_ref()),
            line: self.line(name.span().start),
            is_for_users,
            is_inherited: is_inherited(value.get_ref()),
            version: text(version),
            version_at: version.span(),
        }
    }
}

/// Whether a value, or a part of it, comes from the workspace.
pub(crate) fn is_inherited(value: &DeValue<'_>) -> bool {
    let from = value.as_table().and_then(|table| table.get("workspace"));
    from.and_then(|from| from.get_ref().as_bool()) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "top = true # one\n[a.b]\nlist = [\n  \"p#q\", # two\n  \"r\",\n]\n\
        [dependencies]\nx.workspace = true\ny = { workspace = true, features = [\"f\"] }\n\
        z = \"1\"\n[target.'cfg(unix)'.dev-dependencies.w]\npackage = \"v\"\nversion = \">=2\"\n\
        [workspace.dependencies]\nx = { version = \"3\" }\n";

    #[test]
    fn values_are_found_by_their_path() {
        let manifest = Manifest::parse(TEXT).expect("it is good");
        assert_eq!(manifest.bool(&["top"]), Some(true));
        assert_eq!(manifest.bool(&["a", "top"]), None);
        let list: Vec<_> = manifest.strs(&["a", "b", "list"]).collect();
        assert_eq!(list, ["p#q", "r"]);
        let at = manifest.at(&["top"]).expect("it is there");
        assert_eq!(&TEXT[at], "true");
    }

    #[test]
    fn dependencies_of_every_section_are_found_in_order() {
        let manifest = Manifest::parse(TEXT).expect("it is good");
        let dependencies = manifest.dependencies();
        let told: Vec<_> = dependencies
            .iter()
            .map(|found| (found.package, found.line, found.is_inherited, found.version))
            .collect();
        assert_eq!(
            told,
            [
                ("x", 8, true, None),
                ("y", 9, true, None),
                ("z", 10, false, Some("1")),
                ("v", 11, false, Some(">=2")),
            ]
        );
        let for_users = dependencies.iter().filter(|found| found.is_for_users);
        assert_eq!(for_users.count(), 3);
    }

    #[test]
    fn what_is_inherited_stands_in_the_workspace() {
        let manifest = Manifest::parse(TEXT).expect("it is good");
        let inheritable = manifest.inheritable();
        let [only] = inheritable.as_slice() else {
            panic!("there is one");
        };
        assert_eq!((only.name, only.version), ("x", Some("3")));
        assert_eq!(&TEXT[only.version_at.clone()], "\"3\"");
    }

    #[test]
    fn a_lock_file_names_what_came_from_elsewhere() {
        let text = "version = 4\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\
            [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        let lock = Manifest::parse(text).expect("it is good");
        let locked = lock.locked();
        let told: Vec<_> = locked
            .iter()
            .map(|found| (found.name, found.version, found.line))
            .collect();
        assert_eq!(told, [("a", "1.0.0", 7)]);
    }

    #[test]
    fn what_is_no_manifest_says_why_in_a_line() {
        let why = Manifest::parse("[package\nname = 1\n").err();
        let why = why.expect("a bracket is not closed");
        assert!(!why.is_empty() && !why.contains('\n'), "{why}");
    }
}
