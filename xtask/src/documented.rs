//! `cargo xtask documented`: how much of what users see is documented, and which public methods have
//! no example.
//!
//! The compiler tells what is public, methods that macros make included: rustdoc's JSON, which only a
//! nightly writes.

use std::fs;

use serde_json::Value;

use crate::project::{Project, cargo};
use crate::stop::{Stop, at};

/// Which crates are looked at, and with which features.
const CRATES: [(&str, &str); 8] = [
    ("singleflight-core", " --features std,tracing"),
    ("singleflight-std", ""),
    ("singleflight-tokio", ""),
    ("singleflight-smol", ""),
    ("singleflight-metrics", ""),
    ("singleflight-tower", " --features metrics"),
    (
        "singleflight-redis",
        " --features cache,cluster,hash-keys,metrics,postcard,sentinel,serde-json,smol,tokio",
    ),
    ("singleflight-cache", " --features metrics,serde,std"),
];

/// Says whether there is a nightly.
pub(crate) fn nightly() -> Result<(), Stop> {
    if cargo("+nightly --version").succeeds() {
        return Ok(());
    }
    Stop::unable("rustdoc writes JSON in a nightly only, and there is none")
}

pub(crate) fn command(project: &Project) -> Result<(), Stop> {
    nightly()?;
    let target = project.target_for("documented")?;
    let (mut undocumented, mut without_example) = (0, 0);
    for (name, features) in CRATES {
        cargo(&format!(
            "+nightly rustdoc -p {name}{features} --target-dir {target} -- -Zunstable-options \
             --output-format json"
        ))
        .run()?;
        let file = format!("{target}/doc/{}.json", name.replace('-', "_"));
        let text = fs::read_to_string(&file).map_err(at(&file))?;
        let json = serde_json::from_str(&text);
        let json: Value = json.map_err(|error| Stop::Failed(format!("{file}: {error}")))?;
        let count = Count::of(&json);
        if count.items == 0 {
            return Stop::failed(format!("{file}: no item in it: its format is another"));
        }
        undocumented += count.undocumented.len();
        without_example += count.without_example.len();
        println!("{name}: {count}");
    }
    if undocumented + without_example > 0 {
        return Stop::failed(format!(
            "{undocumented} items have no documentation, and {without_example} methods no example"
        ));
    }
    Ok(())
}

/// What was counted in a crate.
#[derive(Debug, Default, Eq, PartialEq)]
struct Count {
    items: usize,
    undocumented: Vec<String>,
    methods: usize,
    without_example: Vec<String>,
}

impl Count {
    /// Counts what rustdoc tells of a crate.
    fn of(json: &Value) -> Self {
        let mut count = Self::default();
        let index = json["index"].as_object().into_iter().flatten();
        let root = json["root"].to_string();
        let crate_id = &json["index"][root.as_str()]["crate_id"];
        for (_, item) in index.filter(|(_, item)| item["crate_id"] == *crate_id) {
            let inner = &item["inner"];
            let is_block = !inner["impl"].is_null();
            // An item of a trait's implementation is documented at the trait.
            if is_block && inner["impl"]["trait"].is_null() {
                count.methods_of(json, inner);
            }
            let is_seen = item["visibility"] == "public"
                || !inner["variant"].is_null()
                || !inner["macro"].is_null();
            let name = item["name"].as_str().filter(|_| is_seen && !is_block);
            let Some(name) = name.filter(|name| !is_position(name)) else {
                continue;
            };
            count.items += 1;
            if docs(item).is_empty() && !is_imported(inner) {
                count.undocumented.push(name.to_owned());
            }
        }
        count.undocumented.sort();
        count.without_example.sort();
        count
    }

    /// Counts the methods of an `impl` without a trait.
    fn methods_of(&mut self, json: &Value, inner: &Value) {
        let owner = &inner["impl"]["for"]["resolved_path"]["path"];
        let owner = owner.as_str().and_then(|path| path.rsplit("::").next());
        let owner = owner.unwrap_or("?");
        for id in inner["impl"]["items"].as_array().into_iter().flatten() {
            let item = &json["index"][id.to_string()];
            if item["inner"]["function"].is_null() || item["visibility"] != "public" {
                continue;
            }
            self.methods += 1;
            if !has_example(docs(item)) {
                let name = item["name"].as_str().unwrap_or("?");
                self.without_example.push(format!("{owner}::{name}"));
            }
        }
    }
}

fn docs(item: &Value) -> &str {
    item["docs"].as_str().unwrap_or_default()
}

/// Whether there is a block of Rust that is compiled and meant to compile.
fn has_example(docs: &str) -> bool {
    let fences = docs
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("```"));
    // Every second one closes a block.
    let mut openings = fences.step_by(2);
    let is_tag_of_example =
        |tag: &str| matches!(tag.trim(), "" | "rust" | "no_run" | "should_panic");
    openings.any(|tags| tags.split(',').all(is_tag_of_example))
}

/// Whether a field has its place for a name: the type's own documentation says what it is.
fn is_position(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is documented where it is defined.
fn is_imported(inner: &Value) -> bool {
    !inner["use"].is_null()
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let documented = self.items - self.undocumented.len();
        writeln!(
            f,
            "{documented} of {} public items are documented",
            self.items
        )?;
        for name in &self.undocumented {
            writeln!(f, "  not documented: {name}")?;
        }
        let with = self.methods - self.without_example.len();
        writeln!(
            f,
            "  {with} of {} public methods have an example",
            self.methods
        )?;
        for name in &self.without_example {
            writeln!(f, "  no example: {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Count, has_example};

    #[test]
    fn an_example_is_a_block_of_rust_that_is_compiled() {
        for docs in ["```\n```", "```rust\n```", "```text\n```\n```no_run\n```"] {
            assert!(has_example(docs), "{docs}");
        }
        for docs in ["", "```ignore\n```", "```text\n```", "```compile_fail\n```"] {
            assert!(!has_example(docs), "{docs}");
        }
    }

    #[test]
    fn methods_without_example_and_items_without_docs_are_named() {
        let function = json!({"function": {}});
        let block = |id: u32, of_trait: serde_json::Value| {
            json!({"crate_id": 0, "visibility": "default", "inner": {"impl": {
                "trait": of_trait, "items": [id],
                "for": {"resolved_path": {"path": "crate::group::Group"}}}}})
        };
        let method = |name: &str, docs: &str| {
            json!({"crate_id": 0, "name": name, "visibility": "public", "docs": docs,
                "inner": function})
        };
        let json = json!({"root": 1, "index": {
            "1": {"crate_id": 0, "name": "it", "visibility": "public", "docs": "A crate.",
                "inner": {"module": {}}},
            "2": block(5, json!(null)),
            "3": block(6, json!(null)),
            "4": block(7, json!({"path": "Clone"})),
            "5": method("run", "Runs.\n```\n```"),
            "6": method("call", ""),
            "7": {"crate_id": 0, "name": "clone", "visibility": "default", "inner": function},
            "8": {"crate_id": 0, "name": "0", "visibility": "public",
                "inner": {"struct_field": {}}},
            "9": {"crate_id": 1, "name": "foreign", "visibility": "public", "inner": function},
        }});
        let count = Count::of(&json);
        assert_eq!((count.items, count.methods), (3, 2));
        assert_eq!(count.undocumented, ["call"]);
        assert_eq!(count.without_example, ["Group::call"]);
    }
}
