//! `cargo xtask messages`: what the compiler says to common mistakes.
//!
//! Each is a program in a package that depends on the crates as a user's does. Its head tells, line by
//! line, what some error has to say (`//! Says: ...`) and how many errors there are at most
//! (`//! Errors: 1`). Words are looked for, and not the whole message, which is the compiler's and
//! changes with it.

use std::collections::BTreeMap;
use std::fs;

use cargo_metadata::Message;
use cargo_metadata::diagnostic::DiagnosticLevel;

use crate::project::{Project, cargo};
use crate::stop::{Stop, at};

/// The mistakes.
const MISTAKES: &str = "crates/singleflight-conformance/messages";

/// The crates that a mistake may be made with.
const CRATES: [&str; 6] = [
    "singleflight-cache",
    "singleflight-core",
    "singleflight-redis",
    "singleflight-std",
    "singleflight-tokio",
    "singleflight-smol",
];

/// A mistake, as its file tells.
struct Mistake {
    name: String,
    says: Vec<String>,
    most_errors: usize,
}

pub(crate) fn step(project: &Project) -> Result<(), Stop> {
    let target = project.target_for("messages")?;
    let package = format!("{target}/package");
    let programs = format!("{package}/src/bin");
    if fs::exists(&package).map_err(at(&package))? {
        fs::remove_dir_all(&package).map_err(at(&package))?;
    }
    fs::create_dir_all(&programs).map_err(at(&programs))?;
    let manifest = format!("{package}/Cargo.toml");
    fs::write(&manifest, manifest_in(project)).map_err(at(&manifest))?;
    // The versions are those that everything else is built with.
    let lock = format!("{package}/Cargo.lock");
    fs::copy("Cargo.lock", &lock).map_err(at(&lock))?;
    let mut mistakes = Vec::new();
    for entry in fs::read_dir(MISTAKES).map_err(at(MISTAKES))? {
        let entry = entry.map_err(at(MISTAKES))?;
        let (path, file) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let name = file.trim_end_matches(".rs");
        let mistake =
            Mistake::read(name, &text).map_err(|why| Stop::Failed(format!("{file}: {why}")))?;
        fs::copy(&path, format!("{programs}/{file}")).map_err(at(&path))?;
        mistakes.push(mistake);
    }
    mistakes.sort_by(|a, b| a.name.cmp(&b.name));
    let line = format!(
        "check --offline --keep-going --bins --message-format json --manifest-path {manifest} \
         --target-dir {target}"
    );
    let (succeeded, told) = cargo(&line).try_output()?;
    let errors = errors(&told);
    if errors.is_empty() && !succeeded {
        println!("{told}");
        return Stop::failed("the package of mistakes could not be checked");
    }
    let mut count = 0;
    for mistake in &mistakes {
        let of_this = errors.get(&mistake.name).map_or(&[][..], Vec::as_slice);
        println!("\n-- {}\n{}", mistake.name, of_this.concat().trim_end());
        let wrong = mistake.judge(of_this);
        for what in &wrong {
            println!("!!! {what}");
        }
        count += usize::from(!wrong.is_empty());
    }
    match (mistakes.len(), count) {
        (0, _) => Stop::failed(format!("there are no mistakes in {MISTAKES}")),
        (_, 0) => Ok(()),
        (all, wrong) => Stop::failed(format!(
            "{wrong} of {all} mistakes are not told as they should be"
        )),
    }
}

/// The package of a user who has made the mistakes.
fn manifest_in(project: &Project) -> String {
    let crates = CRATES.map(|name| {
        let path = project.root().join("crates").join(name);
        let features = if name == "singleflight-core" {
            ", features = [\"std\"]"
        } else {
            ""
        };
        format!(
            "{name} = {{ path = {:?}{features} }}\n",
            path.display().to_string()
        )
    });
    format!(
        "[package]\nname = \"mistakes\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}",
        crates.concat()
    )
}

/// Returns the errors of each program, as a person reads them.
fn errors(told: &str) -> BTreeMap<String, Vec<String>> {
    let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in Message::parse_stream(told.as_bytes()) {
        let Ok(Message::CompilerMessage(told)) = message else {
            continue;
        };
        // What has no place only counts the others.
        let is_error =
            told.message.level == DiagnosticLevel::Error && !told.message.spans.is_empty();
        if is_error {
            let text = told.message.rendered.unwrap_or(told.message.message);
            errors.entry(told.target.name).or_default().push(text);
        }
    }
    errors
}

impl Mistake {
    fn read(name: &str, text: &str) -> Result<Self, String> {
        let told = |mark: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(mark));
            lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        let says = told("//! Says:");
        let most_errors = told("//! Errors:").concat().parse();
        if says.is_empty() {
            return Err("it does not tell what the compiler says (`//! Says: ...`)".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            says,
            most_errors: most_errors
                .map_err(|_| "it does not tell how many errors (`//! Errors: 1`)")?,
        })
    }

    fn judge(&self, errors: &[String]) -> Vec<String> {
        if errors.is_empty() {
            return vec!["it compiles".to_owned()];
        }
        let is_said = |says: &&String| !errors.iter().any(|error| error.contains(says.as_str()));
        let unsaid = self.says.iter().filter(is_said);
        let mut wrong: Vec<_> = unsaid
            .map(|says| format!("no error says `{says}`"))
            .collect();
        if errors.len() > self.most_errors {
            wrong.push(format!(
                "{} errors, {} are the most",
                errors.len(),
                self.most_errors
            ));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "//! A mistake.\n//!\n//! Says: one\n//! Says: two\n//! Errors: 1\nfn main() {}\n";

    #[test]
    fn a_mistake_tells_what_is_said_of_it() {
        let mistake = Mistake::read("it", TEXT).expect("its head is whole");
        let judged = |errors: &[&str]| {
            let errors: Vec<_> = errors.iter().map(|error| (*error).to_owned()).collect();
            mistake.judge(&errors)
        };
        assert_eq!(judged(&["error: one and two"]), [""; 0]);
        assert_eq!(judged(&["error: one"]), ["no error says `two`"]);
        assert_eq!(judged(&["one", "two"]), ["2 errors, 1 are the most"]);
        assert_eq!(judged(&[]), ["it compiles"]);
        for line in ["//! Errors: 1\n", "//! Says: one\n//! Says: two\n"] {
            assert!(
                Mistake::read("it", &TEXT.replace(line, "")).is_err(),
                "{line}"
            );
        }
    }
}
