//! `cargo xtask word-sizes`: the tests with words of 32 bits, and with another memory model than
//! this machine's.

use crate::command::Command;
use crate::cross::Cross;
use crate::project::Project;
use crate::stop::{Stop, each, named};

/// The core's own tests, and the conformance of each front end.
const PACKAGES: &str =
    "-p singleflight-core -p singleflight-std -p singleflight-tokio -p singleflight-smol";

/// What programs need of the standard library; tests unwind.
const CRATES: &str = "std,panic_unwind,test";

/// What a compiler finds if it can link for a target.
const LINKED: [&str; 2] = ["Scrt1.o", "libgcc.a"];

/// A system whose programs this one can start.
struct System {
    name: &'static str,
    target: &'static str,
    /// The compiler that links for it, and with which option.
    compiler: &'static str,
    option: &'static str,
    /// What starts its programs, and with which arguments, unless they start as they are.
    emulator: Option<(&'static str, &'static str)>,
    /// The packages of Debian that bring it.
    packages: &'static str,
}

static SYSTEMS: [System; 2] = [
    System {
        name: "i686",
        target: "i686-unknown-linux-gnu",
        compiler: "cc",
        option: "-m32",
        emulator: None,
        packages: "libc6-dev-i386 lib32gcc-12-dev",
    },
    System {
        name: "aarch64",
        target: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc",
        option: "",
        emulator: Some(("qemu-aarch64", "-L /usr/aarch64-linux-gnu")),
        packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    },
];

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let systems = named("system", &SYSTEMS, |system| system.name, arguments)?;
    each(
        systems
            .into_iter()
            .map(|system| (system.name, system.test(project))),
    )
}

impl System {
    fn test(&self, project: &Project) -> Result<(), Stop> {
        self.require()?;
        let cross = Cross::find(project, self.target)?;
        let directory = project.target_for("word-sizes")?;
        let line =
            format!("test --locked {PACKAGES} --tests --no-fail-fast --target-dir {directory}");
        let mut tests = cross
            .cargo(&line, CRATES)
            .env(&cross.variable("LINKER"), self.compiler)
            // A backtrace takes seconds in an emulator, and a panic is what some tests are about:
            // they would run into the deadlines of others.
            .env("RUST_BACKTRACE", "0");
        if let Some((emulator, arguments)) = self.emulator {
            // Cargo has put the libraries of its own toolchain there.
            let runner = format!("env -u LD_LIBRARY_PATH {emulator} {arguments}");
            tests = tests.env(&cross.variable("RUNNER"), &runner);
        }
        tests.run()
    }

    /// Whether its programs can be linked and started here.
    fn require(&self) -> Result<(), Stop> {
        let finds = |file: &&str| {
            let line = format!("{} -print-file-name={file}", self.option);
            let asked = Command::typed(self.compiler, &line).quietly().try_output();
            // A file that it does not find it names as it was asked.
            asked.is_ok_and(|(succeeded, found)| succeeded && found.contains('/'))
        };
        let starts = |(emulator, _)| Command::typed(emulator, "--version").succeeds();
        if LINKED.iter().all(finds) && self.emulator.is_none_or(starts) {
            return Ok(());
        }
        let why = format!(
            "its programs cannot be linked or started (Debian: {})",
            self.packages
        );
        Stop::unable(why)
    }
}
