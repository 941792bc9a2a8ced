//! Where things are in this checkout.

use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::command::Command;
use crate::stop::Stop;

/// This checkout. Commands run in its root, so that what they print can be typed there.
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// Finds the checkout and makes its root the current directory.
    pub(crate) fn enter() -> Result<Self, Stop> {
        // Cargo says at run time where this package is: a checkout may be moved after it
        // was built.
        let root = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .and_then(|package| package.parent().map(Path::to_path_buf))
            .filter(|root| root.join(".cargo/config.toml").is_file())
            .ok_or_else(|| Stop::Unable("start it as `cargo xtask` in its checkout".to_owned()))?;
        env::set_current_dir(&root)
            .map_err(|error| Stop::Unable(format!("{}: {error}", root.display())))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Names `path` as a person in the root would type it.
    pub(crate) fn typed(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// Returns a directory under cargo's own for builds whose flags would otherwise throw
    /// away what the other steps have built.
    pub(crate) fn target_for(&self, what: &str) -> Result<String, Stop> {
        let target = self.metadata()?.target_directory;
        Ok(self.typed(target.join(what).as_std_path()))
    }

    /// Asks cargo about the packages of the workspace.
    pub(crate) fn metadata(&self) -> Result<Metadata, Stop> {
        let mut command = MetadataCommand::new();
        let asked = command.current_dir(&self.root).no_deps().exec();
        asked.map_err(|error| Stop::Failed(error.to_string()))
    }
}

/// The programs that checks run, and of which they measure nothing. They are built together: each
/// other choice of packages would build what they depend on anew.
const PROGRAMS: &str = if cfg!(unix) {
    "--bin chaos --bin chaos-http --bin chaos-redis --example stampede"
} else {
    "--bin chaos --bin chaos-http"
};

/// Builds the programs that checks run, and returns the path of one of them.
pub(crate) fn program(project: &Project, name: &str) -> Result<String, Stop> {
    cargo(&format!("build --release {PROGRAMS}")).run()?;
    project.target_for(&format!("release/{name}"))
}

/// Starts a cargo command in the workspace of the peers, given as it is typed. What both workspaces
/// depend on is built once.
pub(crate) fn cargo_of_peers(project: &Project, line: &str) -> Result<Command, Stop> {
    let target = project.target_for("")?;
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let command =
        format!("{command} --manifest-path peers/Cargo.toml --target-dir {target} {rest}");
    Ok(cargo(&command))
}

/// Starts a cargo command, given as it is typed.
pub(crate) fn cargo(line: &str) -> Command {
    Command::typed("cargo", line)
}
