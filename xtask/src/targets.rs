//! `cargo xtask targets`: the core on every bare target at hand, feature set by feature set; and the cache.
//!
//! It is the best guard where there is no compare-and-swap: `alloc::sync::Arc` does not exist
//! there, nor does `alloc::task`.

use crate::bare_metal::CRATES;
use crate::cross::Cross;
use crate::project::Project;
use crate::stop::{Stop, each, named};

/// Feature sets for processors with compare-and-swap.
const SETS: &[&str] = &[
    "-p singleflight-core",
    "-p singleflight-core --features critical-section",
    "-p singleflight-core --features portable-atomic",
    "-p singleflight-core --features critical-section,portable-atomic",
    "-p singleflight-cache --no-default-features",
];

/// Feature sets for processors without. How a swap is made there is for the program to say; this
/// is one of two ways.
const SETS_WITHOUT_SWAP: &[&str] = &[
    "-p singleflight-core --features portable-atomic,portable-atomic/critical-section",
    "-p singleflight-core --features critical-section,portable-atomic,portable-atomic/critical-section",
];

/// A target, and what is checked for it.
struct Target {
    name: &'static str,
    sets: &'static [&'static str],
}

const TARGETS: [Target; 8] = [
    with_swap("thumbv7m-none-eabi"),
    with_swap("thumbv7em-none-eabihf"),
    with_swap("riscv32imac-unknown-none-elf"),
    with_swap("wasm32-unknown-unknown"),
    with_swap("aarch64-unknown-none"),
    with_swap("x86_64-unknown-none"),
    without_swap("thumbv6m-none-eabi"),
    without_swap("riscv32imc-unknown-none-elf"),
];

const fn with_swap(name: &'static str) -> Target {
    Target { name, sets: SETS }
}

const fn without_swap(name: &'static str) -> Target {
    Target {
        name,
        sets: SETS_WITHOUT_SWAP,
    }
}

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let targets = named("target", &TARGETS, |target| target.name, arguments)?;
    each(
        targets
            .into_iter()
            .map(|target| (target.name, check(project, target))),
    )
}

fn check(project: &Project, target: &Target) -> Result<(), Stop> {
    let cross = Cross::find(project, target.name)?;
    let directory = project.target_for("targets")?;
    for set in target.sets {
        let line = format!("check --locked {set} --target-dir {directory}");
        cross.cargo(&line, CRATES).run()?;
    }
    Ok(())
}
