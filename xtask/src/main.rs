//! The checks and chores of this workspace: `cargo xtask COMMAND`.

mod bare_metal;
mod chaos;
mod ci;
mod command;
mod compare;
mod cross;
mod instructions;
mod manifest;
mod metadata;
mod models;
mod mutants;
mod project;
mod section;
mod seeds;
mod sizes;
mod stop;
mod targets;
mod tidy;
mod toolchain;
mod tsan;
mod versions;
mod word_sizes;

use std::env;
use std::process::ExitCode;

use crate::project::Project;
use crate::stop::Stop;

/// One command. `help` is what stands in the list: what it takes, and what it does.
struct Command {
    name: &'static str,
    takes: &'static str,
    about: &'static str,
    run: fn(&Project, &[String]) -> Result<(), Stop>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        takes: "[STEP...]",
        about: "run every check, or only the steps that are named",
        run: ci::command,
    },
    Command {
        name: "bare-metal",
        takes: "[MACHINE...]",
        about: "run the core on a Cortex-M3, a Cortex-M0, RISC-V and WebAssembly",
        run: bare_metal::command,
    },
    Command {
        name: "chaos",
        takes: "[--front F] [--seconds N] [--seed S]",
        about: "call at random on std, tokio, smol or mixed, and check what was seen",
        run: chaos::command,
    },
    Command {
        name: "chaos",
        takes: "--peers [--seconds N] [--seed S]",
        about: "the same with the peers, their violations beside ours (five minutes)",
        run: chaos::command,
    },
    Command {
        name: "compare",
        takes: "[--quick] [--with-go] [FIGURE...]",
        about: "measure ours beside every peer, and write a report under target/",
        run: compare::command,
    },
    Command {
        name: "instructions",
        takes: "[--bless]",
        about: "count what calls cost in instructions, and hold it against the baseline",
        run: instructions::command,
    },
    Command {
        name: "loom",
        takes: "[--preemptions N] [MODEL...]",
        about: "run the core's races through more interleavings (default 3)",
        run: models::loom,
    },
    Command {
        name: "loom",
        takes: "--mutants",
        about: "plant each known bug and see that the model that names it fails",
        run: models::loom,
    },
    Command {
        name: "shuttle",
        takes: "[--schedules N] [MODEL...]",
        about: "run crowds of callers through more schedules (default 100,000)",
        run: models::shuttle,
    },
    Command {
        name: "shuttle",
        takes: "--mutants",
        about: "the same for the models of crowds",
        run: models::shuttle,
    },
    Command {
        name: "mutants",
        takes: "--again",
        about: "break the crates in a thousand ways and see the tests notice (an hour)",
        run: mutants::command,
    },
    Command {
        name: "sizes",
        takes: "[MACHINE...]",
        about: "print what a group costs a microcontroller: flash, RAM, masked interrupts",
        run: sizes::command,
    },
    Command {
        name: "targets",
        takes: "[TARGET...]",
        about: "check the core for bare targets, feature set by feature set",
        run: targets::command,
    },
    Command {
        name: "tidy",
        takes: "",
        about: "check what no compiler checks: ladder, heads, names, licences, pages",
        run: tidy::command,
    },
    Command {
        name: "toolchain",
        takes: "VERSION",
        about: "unpack the Rust 1.85 or 1.96 that Debian packages, for the MSRV check",
        run: toolchain::command,
    },
    Command {
        name: "tsan",
        takes: "[--seconds N]",
        about: "chaos and scenarios under ThreadSanitizer, with Debian's Rust 1.96",
        run: tsan::command,
    },
    Command {
        name: "word-sizes",
        takes: "[SYSTEM...]",
        about: "run the tests on i686, and on aarch64 in an emulator",
        run: word_sizes::command,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("xtask: {stop}");
            stop.exit_code()
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Stop> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Ok(());
    };
    if ["--help", "-h", "help"].contains(&name.as_str()) || asks_for_help(rest) {
        print!("{}", help());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        let mut known: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
        known.dedup();
        return Err(Stop::Unable(format!(
            "unknown command `{name}`; there are {}",
            known.join(", ")
        )));
    };
    (command.run)(&Project::enter()?, rest)
}

fn asks_for_help(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|word| word == "--help" || word == "-h")
}

fn help() -> String {
    let line = |typed: &str, about: &str| format!("  {typed:<34}  {about}\n");
    let commands: String = COMMANDS
        .iter()
        .map(|command| {
            let typed = format!("{} {}", command.name, command.takes);
            line(&typed, command.about)
        })
        .collect();
    let steps: String = ci::STEPS
        .iter()
        .map(|step| line(step.name, step.about))
        .collect();
    format!(
        "usage: cargo xtask COMMAND\n\ncommands:\n{commands}\nsteps of ci:\n{steps}\n\
         Exit code: 0 if all is well, 1 if a check failed, 2 if the command could not run.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_command_is_named_beside_the_known_ones() {
        let stop = dispatch(&words("cii")).expect_err("there is no such command");
        let text = stop.to_string();
        assert!(
            text.starts_with("unknown command `cii`; there are ci, "),
            "{text}"
        );
        assert!(text.ends_with(COMMANDS[COMMANDS.len() - 1].name), "{text}");
    }

    #[test]
    fn help_names_every_command_and_step() {
        let help = help();
        for command in COMMANDS {
            assert!(help.contains(command.about), "{}", command.name);
        }
        for step in ci::STEPS {
            assert!(help.contains(step.about), "{}", step.name);
        }
        assert!(dispatch(&words("ci --help")).is_ok());
    }
}
