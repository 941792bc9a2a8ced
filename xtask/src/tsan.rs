//! `cargo xtask tsan`: the chaos, the scenarios and the layers' tests under a sanitizer that sees data
//! races.
//!
//! It takes a standard library that was built for it, so the newest Rust that Debian packages
//! is used, which brings its source, with the sanitizer's runtime from Debian's LLVM. The
//! published crates have no `unsafe` code; what is looked for is in how they use what does,
//! and in the value that goes from the leader's thread to its followers'.

use std::env::consts::ARCH;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::chaos::FRONTS;
use crate::ci::dependencies::{FRONT_ENDS, LAYERS};
use crate::command::{Command, run_all};
use crate::project::Project;
use crate::stop::{Stop, at};
use crate::toolchain::Toolchain;

/// The version whose source Debian packages.
const RUST: &str = "1.96";

/// Where Debian's LLVM of that Rust keeps its linker, and the sanitizer.
const LLVM: &str = "/usr/lib/llvm-22";

/// What is no race. tokio enters a socket by a copy of the file that it waits on, made by `fcntl`: that the
/// two are one, and order what is written before, is not known to the sanitizer.
const NO_RACES: &str = "race:tokio::runtime::io::registration_set::RegistrationSet>::allocate\n";

/// How much longer a run may take. Everything is many times slower under a sanitizer.
const GRACE: Duration = Duration::from_secs(300);

pub(crate) fn command(project: &Project, seconds: u64) -> Result<(), Stop> {
    let sanitizer = Sanitizer::find(project)?;
    let chaos = "--release -p singleflight-chaos --bin chaos --features relaxed";
    sanitizer.cargo("build", chaos).run()?;
    for front in FRONTS {
        let run = format!("--quiet {chaos} -- --front {front} --seconds {seconds} --patience 60");
        let within = Duration::from_secs(seconds) + GRACE;
        sanitizer.cargo("run", &run).within(within).run()?;
    }
    // The layers by the tests of theirs that run on threads; over a Redis, if there is one.
    let tests = [
        format!("{FRONT_ENDS} --test conformance"),
        format!("{LAYERS} --test it"),
    ];
    run_all(tests.map(|tests| sanitizer.cargo("test", &tests)))
}

/// What builds and runs programs under the sanitizer.
struct Sanitizer {
    toolchain: Toolchain,
    flags: String,
    options: String,
    triple: String,
    target: String,
}

impl Sanitizer {
    fn find(project: &Project) -> Result<Self, Stop> {
        let toolchain = Toolchain::unpacked(project, RUST).ok_or_else(|| {
            Stop::Unable(format!(
                "there is no Rust {RUST} with its source (on Debian: `.ci/debian-rust {RUST}`)"
            ))
        })?;
        let runtime = format!("{LLVM}/lib/clang/22/lib/linux/libclang_rt.tsan-{ARCH}.a");
        let linker = format!("{LLVM}/bin/ld.lld");
        let symbols = format!("{LLVM}/bin/llvm-symbolizer");
        for file in [&runtime, &linker, &symbols] {
            if !Path::new(file).is_file() {
                return Stop::unable(format!(
                    "there is no {file} (on Debian: `apt-get install libclang-rt-22-dev lld-22 llvm-22`)"
                ));
            }
        }
        let target = project.target_for("tsan")?;
        fs::create_dir_all(&target).map_err(at(&target))?;
        let no_races = format!("{target}/no-races");
        fs::write(&no_races, NO_RACES).map_err(at(&no_races))?;
        // Tests run in the directories of their packages.
        let no_races = fs::canonicalize(&no_races).map_err(at(&no_races))?;
        let no_races = no_races.display();
        Ok(Self {
            toolchain,
            flags: flags(&runtime),
            options: format!("external_symbolizer_path={symbols} suppressions={no_races}"),
            triple: format!("{ARCH}-unknown-linux-gnu"),
            target,
        })
    }

    fn cargo(&self, command: &str, rest: &str) -> Command {
        let Self { triple, target, .. } = self;
        let build = format!("{command} -Zbuild-std --target {triple} --target-dir {target} {rest}");
        self.toolchain
            .cargo(&build)
            // The one way in to options that are not stable, for a toolchain that is.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", &self.flags)
            .env("TSAN_OPTIONS", &self.options)
    }
}

/// The runtime is the compiler's own in Rust's own releases; here it is linked in whole, and
/// what it replaces has to be seen by what is loaded later.
fn flags(runtime: &str) -> String {
    let link = [
        format!("-B{LLVM}/bin"),
        "-fuse-ld=lld".to_owned(),
        "-Wl,--whole-archive".to_owned(),
        runtime.to_owned(),
        "-Wl,--no-whole-archive".to_owned(),
        format!("-Wl,--dynamic-list={runtime}.syms"),
    ];
    let link = link.map(|argument| format!(" -Clink-arg={argument}"));
    format!("-Zsanitizer=thread -Zexternal-clangrt{}", link.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_is_linked_in_whole() {
        let flags = flags("rt.a");
        assert!(
            flags.contains("--whole-archive -Clink-arg=rt.a -Clink-arg=-Wl,--no-whole-archive"),
            "{flags}"
        );
    }
}
