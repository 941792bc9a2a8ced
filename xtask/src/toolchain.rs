//! `cargo xtask toolchain`: other versions of Rust, from the packages of Debian.
//!
//! Debian packages two complete toolchains to build browsers with. They are unpacked beside
//! whatever is installed, and nothing else uses them; the libraries that they need from the
//! system are installed.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Command, prepended};
use crate::project::{Project, cargo};
use crate::stop::{Stop, at, named};

/// A version that Debian packages.
struct Version {
    name: &'static str,
    /// With the source of the standard library, to build it for bare targets.
    has_source: bool,
}

static VERSIONS: [Version; 2] = [
    Version {
        name: "1.85",
        has_source: false,
    },
    Version {
        name: "1.96",
        has_source: true,
    },
];

/// A toolchain other than the one that runs.
pub(crate) enum Toolchain {
    Unpacked(Unpacked),
    /// Installed by rustup under this name.
    Rustup(String),
}

/// A toolchain that `cargo xtask toolchain` unpacked.
pub(crate) struct Unpacked {
    directory: PathBuf,
    /// The directory as a person in the root types it.
    shown: String,
}

impl Toolchain {
    /// Finds a toolchain that is on this machine.
    pub(crate) fn find(project: &Project, version: &str) -> Option<Self> {
        Self::unpacked(project, version).or_else(|| {
            let installed = Self::Rustup(version.to_owned());
            installed.cargo("--version").succeeds().then_some(installed)
        })
    }

    /// Finds a toolchain that `cargo xtask toolchain` unpacked.
    pub(crate) fn unpacked(project: &Project, version: &str) -> Option<Self> {
        let unpacked = Unpacked::at(project, version);
        let is_there = unpacked.directory.is_dir();
        is_there.then_some(Self::Unpacked(unpacked))
    }

    /// Starts a command of this toolchain's cargo.
    pub(crate) fn cargo(&self, line: &str) -> Command {
        match self {
            Self::Rustup(version) => cargo(&format!("+{version} {line}")),
            Self::Unpacked(unpacked) => unpacked.program("cargo", line),
        }
        // Rustup tells its children which toolchain they are in; these are in another.
        .without_env("RUSTUP_TOOLCHAIN")
    }
}

impl Unpacked {
    fn at(project: &Project, version: &str) -> Self {
        let directory = project.toolchain(version);
        let shown = project.typed(&directory);
        Self { directory, shown }
    }

    /// Starts one of its programs.
    fn program(&self, name: &str, line: &str) -> Command {
        let (programs, libraries) = ("usr/bin", format!("usr/lib/{ARCH}-linux-gnu"));
        let shown = format!("$PWD/{}", self.shown);
        let directory = self.directory.join(programs);
        let (path, path_shown) = prepended("PATH", &directory, &format!("{shown}/{programs}"));
        Command::new(directory.join(name), name)
            .args(line.split_whitespace())
            // Cargo has put the libraries of its own toolchain there.
            .env_shown(
                "LD_LIBRARY_PATH",
                self.directory.join(&libraries),
                &format!("\"{shown}/{libraries}\""),
            )
            .env_shown("PATH", path, &path_shown)
    }

    /// Returns what its compiler says of itself, if it runs.
    fn told(&self) -> Option<String> {
        let asked = self.program("rustc", "-V").quietly().try_output();
        let (succeeded, told) = asked.ok()?;
        succeeded.then(|| told.trim().to_owned())
    }
}

pub(crate) fn command(project: &Project, wanted: &str) -> Result<(), Stop> {
    let version = known(wanted)?;
    let unpacked = Unpacked::at(project, version.name);
    // It is asked, not only looked for: its libraries may have gone from the system.
    if unpacked.told().is_none() {
        require_debian()?;
        unpack(version, Path::new(&unpacked.shown))?;
    }
    let (shown, told) = (&unpacked.shown, unpacked.told().unwrap_or_default());
    if !told.starts_with(&format!("rustc {}.", version.name)) {
        let why = format!("{shown} holds `{told}`, not Rust {}", version.name);
        return Stop::failed(why);
    }
    println!("{told} in {shown}");
    Ok(())
}

fn known(wanted: &str) -> Result<&'static Version, Stop> {
    named(
        "toolchain",
        &VERSIONS,
        |version| version.name,
        &[wanted.to_owned()],
    )
    .map(|known| known[0])
}

fn require_debian() -> Result<(), Stop> {
    for tool in ["apt-get", "dpkg"] {
        if !Command::typed(tool, "--version").succeeds() {
            return Stop::unable(format!(
                "there is no {tool} here: toolchains are unpacked from Debian's packages"
            ));
        }
    }
    if Command::typed("id", "-u").quietly().stdout()?.trim() != "0" {
        let why = "apt-get installs the libraries that a toolchain needs, which takes root";
        return Stop::unable(why);
    }
    Ok(())
}

fn unpack(version: &Version, directory: &Path) -> Result<(), Stop> {
    // Only what is complete gets its name, so that an interrupted run leaves nothing behind
    // that looks like a toolchain.
    let partial = directory.with_file_name(format!("{}.partial", version.name));
    let packages = partial.join("packages");
    remove(&partial)?;
    fs::create_dir_all(&packages).map_err(at(&packages))?;

    Command::typed("apt-get", "update -qq").run()?;
    let exact = exact(version)?;
    let mut names = vec![
        format!("rustc-web={exact}"),
        format!("cargo-web={exact}"),
        format!("libstd-rust-web-dev={exact}"),
        format!("libstd-rust-web-{}={exact}", version.name),
    ];
    if version.has_source {
        names.push(format!("rust-web-src={exact}"));
    }
    // Downloads are done by apt's own user, who may not write into this checkout.
    Command::typed("apt-get", "download -qq -o APT::Sandbox::User=root")
        .args(&names)
        .in_directory(&packages.display().to_string())
        .run()?;

    let mut libraries = Vec::new();
    for package in fs::read_dir(&packages).map_err(at(&packages))? {
        let package = package.map_err(at(&packages))?.path();
        let package = package.display().to_string();
        Command::typed("dpkg", "-x")
            .args([&package, &partial.display().to_string()])
            .run()?;
        let needed = Command::typed("dpkg-deb", "-f")
            .args([&package, "Depends"])
            .quietly();
        libraries.extend(system_libraries(&needed.stdout()?));
    }
    libraries.sort_unstable();
    libraries.dedup();
    // What is installed stays as it is.
    Command::typed(
        "apt-get",
        "install -y -qq --no-install-recommends --no-upgrade",
    )
    .args(&libraries)
    .env("DEBIAN_FRONTEND", "noninteractive")
    .run()?;
    remove(&packages)?;
    remove(directory)?;
    fs::rename(&partial, directory).map_err(at(directory))
}

/// Asks apt for the newest package of this version of Rust.
fn exact(version: &Version) -> Result<String, Stop> {
    let table = Command::typed("apt-cache", "madison rustc-web")
        .quietly()
        .stdout()?;
    newest(&table, version.name)
        .map(str::to_owned)
        .ok_or_else(|| {
            let why = format!("apt knows no rustc-web {}: Debian 12 has it", version.name);
            Stop::Unable(why)
        })
}

/// Reads `apt-cache madison`: lines of `package | version | source`, the newest first.
fn newest<'a>(table: &'a str, version: &str) -> Option<&'a str> {
    let begin = format!("{version}.");
    table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim)
        .find(|found| found.starts_with(&begin))
}

/// Reads a package's `Depends` for what comes from the system and not from the toolchain.
fn system_libraries(depends: &str) -> Vec<String> {
    depends
        .split(',')
        .filter_map(|wish| wish.split_whitespace().next())
        .filter(|name| name.starts_with("lib") && !name.starts_with("libstd-rust"))
        // `libc-dev` is a wish that several packages fulfil; who builds Rust has one.
        .filter(|name| *name != "libc-dev")
        .map(str::to_owned)
        .collect()
}

fn remove(directory: &Path) -> Result<(), Stop> {
    if directory.is_dir() {
        fs::remove_dir_all(directory).map_err(at(directory))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_versions_that_debian_packages_are_taken() {
        let known = |wanted| known(wanted).map(|version| version.name);
        assert!(matches!(known("1.96"), Ok("1.96")));
        let why = known("1.84")
            .expect_err("Debian has no such package")
            .to_string();
        assert_eq!(why, "unknown toolchain `1.84`; there are 1.85, 1.96");
    }

    #[test]
    fn the_first_version_that_fits_is_the_newest() {
        let table = " rustc-web | 1.96.0+b | source x\n rustc-web | 1.85.0+c | source y\n\
             rustc-web | 1.85.0+a | source y\n";
        assert_eq!(newest(table, "1.85"), Some("1.85.0+c"));
        assert_eq!(newest(table, "1.8"), None);
    }

    #[test]
    fn libraries_of_the_system_are_told_from_the_toolchain() {
        let depends = "libc6 (>= 2.34), libllvm19, libstd-rust-web-dev (= 1), gcc, libc-dev";
        assert_eq!(system_libraries(depends), ["libc6", "libllvm19"]);
    }
}
