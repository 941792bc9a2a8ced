//! Steps about what we depend on: what it may be, and which Rust it asks for.

use crate::ci::features::{FEATURE_SETS, core_with};
use crate::command::run_all;
use crate::project::{Project, cargo};
use crate::stop::{Stop, at};
use crate::tidy::tree::Tree;
use crate::toolchain::Toolchain;

/// The published crates beside the core and the front ends, with all that they have.
pub(crate) const LAYERS: &str = "-p singleflight-cache -p singleflight-metrics \
     -p singleflight-redis -p singleflight-tower --all-features";

/// `rust-version` in Cargo.toml.
const MSRV: &str = "1.85";

/// The published front ends; the core comes with each of its feature sets.
pub(crate) const FRONT_ENDS: &str =
    "-p singleflight-std -p singleflight-tokio -p singleflight-smol";

pub(crate) fn deny(project: &Project) -> Result<(), Stop> {
    if !cargo("deny --version").succeeds() {
        let why = "cargo-deny is not installed (`cargo install cargo-deny --locked`)";
        return Stop::unable(why);
    }
    // Advisories need a database from the network, which is not the same tomorrow.
    let tree = Tree::load(project.root()).map_err(at("the checkout"))?;
    let locks = tree.ending(&["Cargo.lock"]);
    run_all(locks.flat_map(|(lock, _)| {
        let manifest = lock.replace("Cargo.lock", "Cargo.toml");
        [
            cargo(&format!("fetch --locked --manifest-path {manifest}")),
            cargo(&format!(
                "deny --log-level error --offline --manifest-path {manifest} check bans licenses sources"
            )),
        ]
    }))
}

pub(crate) fn msrv(project: &Project) -> Result<(), Stop> {
    let Some(toolchain) = Toolchain::find(project, MSRV) else {
        return Stop::unable(format!(
            "there is no Rust {MSRV} (on Debian: `.ci/debian-rust {MSRV}`)"
        ));
    };
    let target = project.target_for("msrv")?;
    // Of tests and checks it is not asked: what they use may need a newer Rust.
    let cores = FEATURE_SETS.map(core_with);
    let packages = cores.iter().map(String::as_str).chain([FRONT_ENDS, LAYERS]);
    run_all(packages.map(|packages| {
        toolchain.cargo(&format!("check --locked {packages} --target-dir {target}"))
    }))
}
