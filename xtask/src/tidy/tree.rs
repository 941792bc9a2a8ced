//! The files of the checkout, read once.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Which files are read; of the others only the name is known.
const READ: [&str; 5] = ["rs", "md", "toml", "yml", "lock"];

/// The files of the checkout by their path from its root, written with `/`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads all files but those that were built or that a tool keeps for itself.
    pub(crate) fn load(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        Ok(tree)
    }

    /// Makes a small tree for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter();
        Self {
            files: files
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether there is any file under a directory that is given with its `/`.
    pub(crate) fn has_under(&self, directory: &str) -> bool {
        let mut from = self.files.range(directory.to_owned()..);
        from.next()
            .is_some_and(|(path, _)| path.starts_with(directory))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Returns the files whose name ends with one of `ends`.
    pub(crate) fn ending(&self, ends: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter();
        files
            .filter(|(path, _)| ends.iter().any(|end| path.ends_with(end)))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns the Rust files under a directory that is given with its `/`.
    pub(crate) fn rust_under(&self, directory: &str) -> impl Iterator<Item = (&str, &str)> {
        self.ending(&[".rs"])
            .filter(move |(path, _)| path.starts_with(directory))
    }

    /// Returns the names of the directories in `crates/`.
    pub(crate) fn crates(&self) -> Vec<&str> {
        let mut crates: Vec<_> = self
            .files
            .keys()
            .filter_map(|path| path.strip_prefix("crates/")?.split_once('/'))
            .map(|(name, _)| name)
            .collect();
        crates.dedup();
        crates
    }

    fn walk(&mut self, directory: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !is_foreign(&name) {
                    self.walk(&entry.path(), &format!("{path}/"))?;
                }
                continue;
            }
            // A link counts as what it leads to, so one that leads nowhere is no file.
            if !entry.path().is_file() {
                continue;
            }
            let is_read = READ.iter().any(|end| name.ends_with(&format!(".{end}")));
            let text = if is_read {
                fs::read_to_string(entry.path())?
            } else {
                String::new()
            };
            self.files.insert(path, text);
        }
        Ok(())
    }
}

/// Whether a directory holds nothing of ours.
fn is_foreign(name: &str) -> bool {
    name == "target" || (name.starts_with('.') && ![".ci", ".github"].contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_the_directories_and_not_the_files() {
        let tree = Tree::of(&[
            ("crates/notes.md", ""),
            ("crates/one/Cargo.toml", ""),
            ("crates/one/src/lib.rs", ""),
            ("crates/two/Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
        ]);
        assert_eq!(tree.crates(), ["one", "two"]);
        assert_eq!(tree.rust_under("crates/one/").count(), 1);
    }

    #[test]
    fn what_was_built_is_not_ours() {
        assert!(is_foreign("target") && is_foreign(".git") && is_foreign(".toolchains"));
        assert!(!is_foreign("src") && !is_foreign(".github"));
    }
}
