//! Compilers for machines other than this one: a target that is installed, or the source of the
//! standard library that Debian packages.

use std::path::PathBuf;

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::stop::Stop;
use crate::toolchain::Toolchain;

/// The version of Rust that `cargo xtask toolchain` unpacks with its source.
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
    /// It is built with the program.
    Source {
        toolchain: Toolchain,
        linker: PathBuf,
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
            let toolchain = Toolchain::unpacked(project, WITH_SOURCE);
            let Some((toolchain, linker)) = toolchain.zip(linker()) else {
                return Err(Stop::Unable(format!(
                    "there is no target {target} (`rustup target add {target}`, or on Debian \
                     `cargo xtask toolchain {WITH_SOURCE}`)"
                )));
            };
            Library::Source { toolchain, linker }
        };
        Ok(Self { target, library })
    }

    /// Starts a command of cargo for this target; of the library it needs `crates`.
    pub(crate) fn cargo(&self, line: &str, crates: &str) -> Command {
        let line = format!("{line} --target {}", self.target);
        match &self.library {
            Library::Installed => cargo(&line),
            Library::Source { toolchain, linker } => {
                let name = self.target.replace('-', "_").to_uppercase();
                let shown = format!("\"$(rustc --print target-libdir)/../bin/{LINKER}\"");
                toolchain
                    .cargo(&format!("{line} -Zbuild-std={crates}"))
                    // Only a nightly may build the library, or who says that it is one.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env_shown(&format!("CARGO_TARGET_{name}_LINKER"), linker, &shown)
            }
        }
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
