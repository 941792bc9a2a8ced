//! Compilers for machines other than this one: a target that is installed, or the source of the
//! standard library that Debian packages.

use std::path::PathBuf;

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::stop::Stop;
use crate::toolchain::Toolchain;

/// The version of Rust that `.ci/debian-rust` unpacks with its source.
pub(crate) const WITH_SOURCE: &str = "1.96";

/// The linker that comes with an installed toolchain; the unpacked one has none for bare
/// targets.
const LINKER: &str = "rust-lld";

/// How programs for one target are built.
pub(crate) struct Cross {
    pub(crate) target: &'static str,
    library: Library,
}

/// Where the target's standard library comes from.
enum Library {
    Installed,
    /// It is built with the program, which this links, or else what the system has.
    Source {
        toolchain: Toolchain,
        linker: Option<PathBuf>,
    },
}

impl Cross {
    /// Finds a way to build for `target`.
    pub(crate) fn find(project: &Project, target: &'static str) -> Result<Self, Stop> {
        let library = if printed(&format!("target-libdir --target {target}"))
            .is_some_and(|directory| directory.is_dir())
        {
            Library::Installed
        } else {
            let missing = || {
                Stop::Unable(format!(
                    "there is no target {target} (`rustup target add {target}`, or on Debian \
                     `.ci/debian-rust {WITH_SOURCE}`)"
                ))
            };
            let is_bare = !target.contains("-linux-");
            Library::Source {
                toolchain: Toolchain::unpacked(project, WITH_SOURCE).ok_or_else(missing)?,
                linker: is_bare.then(|| linker().ok_or_else(missing)).transpose()?,
            }
        };
        Ok(Self { target, library })
    }

    /// Starts a command of cargo for this target; of the library it needs `crates`.
    pub(crate) fn cargo(&self, line: &str, crates: &str) -> Command {
        let line = format!("{line} --target {}", self.target);
        match &self.library {
            Library::Installed => cargo(&line),
            Library::Source { toolchain, linker } => {
                let command = toolchain
                    .cargo(&format!("{line} -Zbuild-std={crates}"))
                    // Only a nightly may build the library, or who says that it is one.
                    .env("RUSTC_BOOTSTRAP", "1");
                let Some(linker) = linker else {
                    return command;
                };
                let shown = format!("\"$(rustc --print target-libdir)/../bin/{LINKER}\"");
                command.env_shown(&self.variable("LINKER"), linker, &shown)
            }
        }
    }

    /// Names the variable by which cargo is told this of the target.
    pub(crate) fn variable(&self, what: &str) -> String {
        let target = self.target.replace('-', "_").to_uppercase();
        format!("CARGO_TARGET_{target}_{what}")
    }
}

fn linker() -> Option<PathBuf> {
    let libraries = printed("target-libdir")?;
    let linker = libraries.parent()?.join("bin").join(LINKER);
    linker.is_file().then_some(linker)
}

/// Asks the compiler where something is.
fn printed(what: &str) -> Option<PathBuf> {
    let asked = Command::typed("rustc", &format!("--print {what}")).quietly();
    let (succeeded, text) = asked.try_output().ok()?;
    succeeded.then(|| PathBuf::from(text.trim()))
}
