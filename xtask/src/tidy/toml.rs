//! As much of TOML as our own manifests use: sections, and keys with their values.

/// A section and its keys, in order. What stands before the first header is in a section
/// without a name.
#[derive(Debug, Default)]
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) entries: Vec<Entry>,
}

/// `key = value`, the value as it was written. A dotted key is kept as one.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

impl Section<'_> {
    /// Returns the value of a key as it was written.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }
}

impl Entry {
    /// Whether the value, or a part of it, comes from the workspace.
    pub(crate) fn is_inherited(&self) -> bool {
        let parts = self.value.trim_matches(['{', '}']);
        let is_true = |part: &str| {
            let pair = part.split_once('=');
            pair.is_some_and(|(key, value)| key.trim() == "workspace" && value.trim() == "true")
        };
        (self.key.ends_with(".workspace") && self.value == "true") || parts.split(',').any(is_true)
    }

    /// Returns the key without `.workspace`.
    pub(crate) fn name(&self) -> &str {
        self.key.split('.').next().unwrap_or(&self.key)
    }
}

/// Returns the strings of an array of strings.
pub(crate) fn strings(array: &str) -> Vec<&str> {
    array.split('"').skip(1).step_by(2).collect()
}

/// Reads a manifest.
pub(crate) fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section::default()];
    // An array may go on over several lines, until its brackets are closed.
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        let section = sections.last_mut().expect("there is always one");
        if is_open {
            let entry = section.entries.last_mut();
            let entry = entry.expect("only an entry can be left open");
            entry.value += line;
            is_open = !is_balanced(&entry.value);
        } else if let Some(name) = line.strip_prefix('[') {
            sections.push(Section {
                name: name.trim_matches(['[', ']']).trim(),
                line: number + 1,
                entries: Vec::new(),
            });
        } else if let Some((key, value)) = line.split_once('=') {
            is_open = !is_balanced(value);
            section.entries.push(Entry {
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
                line: number + 1,
            });
        }
    }
    sections
}

fn without_comment(line: &str) -> &str {
    let mut is_string = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => is_string = !is_string,
            '#' if !is_string => return &line[..at],
            _ => {}
        }
    }
    line
}

fn is_balanced(value: &str) -> bool {
    let count = |wanted| value.matches(wanted).count();
    count('[') == count(']') && count('{') == count('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read() {
        let text = "top = 1 # one\n[a.b]\nx.workspace = true\ny = [\n  \"p#q\", # two\n  \"r\",\n]\n\
            z = { workspace = true, features = [\"f\"] }\n";
        let sections = sections(text);
        assert_eq!(sections[0].value("top"), Some("1"));
        let section = &sections[1];
        assert_eq!((section.name, section.line), ("a.b", 2));
        assert_eq!(
            strings(section.value("y").expect("it is there")),
            ["p#q", "r"]
        );
        let inherited: Vec<_> = section.entries.iter().map(Entry::is_inherited).collect();
        assert_eq!(inherited, [true, false, true]);
        assert_eq!(section.entries[0].name(), "x");
        assert_eq!(section.entries[2].line, 8);
    }
}
