//! `cargo xtask bare-metal`: the core on machines without an operating system, in emulators.

use std::time::Duration;

use crate::command::Command;
use crate::cross::Cross;
use crate::project::Project;
use crate::stop::{Stop, each, named};

/// How long a program may run. Each ends in a second; one that hangs does not end.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a program without `std` needs of the standard library.
pub(crate) const CRATES: &str = "core,alloc";

/// A machine that a program is built for and started on.
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    /// What runs its programs, and with which arguments; the program comes last.
    emulator: &'static str,
    arguments: &'static str,
    /// Where it comes from.
    package: &'static str,
    pub(crate) kind: Kind,
}

/// What is built for a machine.
pub(crate) enum Kind {
    /// Programs of `examples/bare-metal`, with the feature of this board.
    Board(&'static str),
    /// The module of `examples/wasm`.
    Module,
}

static MACHINES: [Machine; 4] = [
    Machine {
        name: "cortex-m3",
        target: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        arguments: "-machine lm3s6965evb",
        package: "qemu-system-arm",
        kind: Kind::Board("lm3s6965evb"),
    },
    Machine {
        name: "cortex-m0",
        target: "thumbv6m-none-eabi",
        emulator: "qemu-system-arm",
        arguments: "-machine microbit",
        package: "qemu-system-arm",
        kind: Kind::Board("microbit"),
    },
    Machine {
        name: "riscv32",
        target: "riscv32imac-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        arguments: "-machine virt -bios none",
        package: "qemu-system-misc",
        kind: Kind::Board("virt"),
    },
    Machine {
        name: "wasm32",
        target: "wasm32-unknown-unknown",
        emulator: "node",
        arguments: "examples/wasm/check.mjs",
        package: "nodejs",
        kind: Kind::Module,
    },
];

/// Without a screen, with the exit code of the program. Time is counted in instructions, so
/// that a run is the same on a machine that is busy; while nothing runs, it leaps.
const QEMU: &str = "-nographic -icount shift=6,sleep=off \
                    -semihosting-config enable=on,target=native -kernel";

impl Machine {
    /// Builds the program that checks itself, and returns where it is.
    fn build(&self, project: &Project) -> Result<String, Stop> {
        match self.kind {
            Kind::Board(board) => {
                let options = format!("--bin device --features {board}");
                self.build_as(project, "bare-metal", &options, "device")
            }
            Kind::Module => self.build_as(project, "wasm", "", "wasm.wasm"),
        }
    }

    /// Builds a program of `examples/PACKAGE`, and returns where it is.
    pub(crate) fn build_as(
        &self,
        project: &Project,
        package: &str,
        options: &str,
        program: &str,
    ) -> Result<String, Stop> {
        let target = project.target_for("bare-metal")?;
        let line = format!(
            "build --locked --release --manifest-path examples/{package}/Cargo.toml {options} \
             --target-dir {target}"
        );
        let cross = Cross::find(project, self.target)?;
        cross.cargo(&line, CRATES).run()?;
        Ok(format!("{target}/{}/release/{program}", self.target))
    }

    /// Starts a program, with a time limit.
    pub(crate) fn start(&self, program: &str) -> Command {
        let options = match self.kind {
            Kind::Board(_) => QEMU,
            Kind::Module => "",
        };
        let line = format!("{} {options} {program}", self.arguments);
        Command::typed(self.emulator, &line)
            // Cargo has put the libraries of its own toolchain there.
            .without_env("LD_LIBRARY_PATH")
            .within(DEADLINE)
    }

    /// Whether what runs its programs is there.
    pub(crate) fn require(&self) -> Result<(), Stop> {
        if Command::typed(self.emulator, "--version").succeeds() {
            return Ok(());
        }
        Stop::unable(format!(
            "there is no {} (Debian: {})",
            self.emulator, self.package
        ))
    }

    fn check(&self, project: &Project) -> Result<(), Stop> {
        self.require()?;
        let program = self.build(project)?;
        self.start(&program).run()
    }
}

pub(crate) fn step(project: &Project) -> Result<(), Stop> {
    check(project, &MACHINES.each_ref())
}

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    check(project, &chosen(arguments)?)
}

/// Returns the machines that are named, or all.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<&'static Machine>, Stop> {
    named("machine", &MACHINES, |machine| machine.name, names)
}

/// Checks every machine, also after one that failed or is not at hand.
fn check(project: &Project, machines: &[&Machine]) -> Result<(), Stop> {
    each(machines.iter().map(|machine| {
        println!("-- {}", machine.name);
        (machine.name, machine.check(project))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_chosen_by_name_and_an_unknown_one_is_named() {
        let names = |line: &str| {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let machines = chosen(&words).map_err(|stop| stop.to_string())?;
            Ok(machines.iter().map(|machine| machine.name).collect())
        };
        assert_eq!(names("wasm32 cortex-m0"), Ok(vec!["cortex-m0", "wasm32"]));
        assert_eq!(names("").map(|all| all.len()), Ok(MACHINES.len()));
        let why = "unknown machine `z80`; there are cortex-m3, cortex-m0, riscv32, wasm32";
        assert_eq!(names("cortex-m3 z80"), Err(why.to_owned()));
    }
}
