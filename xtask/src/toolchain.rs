//! Toolchains other than the one that runs: rustup's, or one that `.ci/debian-rust` has unpacked.

use std::env::consts::ARCH;

use crate::command::{Command, prepended};
use crate::project::{Project, cargo};

/// A toolchain other than the one that runs.
pub(crate) enum Toolchain {
    /// The directory, as a person in the root types it, and the checkout that it is in.
    Unpacked(String, std::path::PathBuf),
    /// Installed by rustup under this name.
    Rustup(String),
}

impl Toolchain {
    /// Finds a toolchain that is on this machine.
    pub(crate) fn find(project: &Project, version: &str) -> Option<Self> {
        Self::unpacked(project, version).or_else(|| {
            let installed = Self::Rustup(version.to_owned());
            installed.cargo("--version").succeeds().then_some(installed)
        })
    }

    /// Finds a toolchain that `.ci/debian-rust` has unpacked.
    pub(crate) fn unpacked(project: &Project, version: &str) -> Option<Self> {
        let shown = format!(".toolchains/{version}");
        let is_there = project.root().join(&shown).is_dir();
        is_there.then(|| Self::Unpacked(shown, project.root().to_owned()))
    }

    /// Starts a command of this toolchain's cargo.
    pub(crate) fn cargo(&self, line: &str) -> Command {
        match self {
            Self::Rustup(version) => cargo(&format!("+{version} {line}")),
            Self::Unpacked(shown, root) => {
                let (programs, libraries) = ("usr/bin", format!("usr/lib/{ARCH}-linux-gnu"));
                let directory = root.join(shown);
                let shown = format!("$PWD/{shown}");
                let programs_shown = format!("{shown}/{programs}");
                let programs = directory.join(programs);
                let (path, path_shown) = prepended("PATH", &programs, &programs_shown);
                Command::new(programs.join("cargo"), "cargo")
                    .args(line.split_whitespace())
                    // Cargo has put the libraries of its own toolchain there.
                    .env_shown(
                        "LD_LIBRARY_PATH",
                        directory.join(&libraries),
                        &format!("\"{shown}/{libraries}\""),
                    )
                    .env_shown("PATH", path, &path_shown)
            }
        }
        // Rustup tells its children which toolchain they are in; these are in another.
        .without_env("RUSTUP_TOOLCHAIN")
    }
}
