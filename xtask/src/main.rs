//! The checks and chores of this workspace: `cargo xtask COMMAND`.

mod bare_metal;
mod chaos;
mod ci;
mod command;
mod compare;
mod cross;
mod documented;
mod instructions;
mod manifest;
mod messages;
mod models;
mod mutants;
mod project;
mod redis;
mod release;
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

use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser};

use crate::models::{LOOM, Models, SHUTTLE};
use crate::project::Project;
use crate::stop::Stop;

/// The checks and chores of this workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Run every check, or only the steps that are named
    Ci {
        /// Fail where a step has to be skipped
        #[arg(long)]
        no_skip: bool,
        steps: Vec<String>,
    },
    /// Run the core on a Cortex-M3, a Cortex-M0, RISC-V and WebAssembly
    BareMetal { machines: Vec<String> },
    /// Call at random on every front end, or the peers', and check what was seen
    Chaos(chaos::Request),
    /// Measure ours beside every peer, and write a report under target/
    Compare(compare::Request),
    /// Count what calls cost in instructions, and hold it against the baseline
    Instructions {
        /// Make what is counted the baseline
        #[arg(long)]
        bless: bool,
    },
    /// Run the core's races through more interleavings, or plant each known bug
    Loom {
        /// How often a thread may be interrupted
        #[arg(long, value_name = "N", default_value_t = LOOM.by_hand)]
        preemptions: u32,
        #[command(flatten)]
        models: Models,
    },
    /// Run crowds of callers through more schedules, or plant each known bug
    Shuttle {
        /// How many schedules there are of each model
        #[arg(long, value_name = "N", default_value_t = SHUTTLE.by_hand)]
        schedules: u32,
        #[command(flatten)]
        models: Models,
    },
    /// See what the compiler says to common mistakes
    Messages,
    /// Break the crates in three thousand ways and see the tests notice (hours)
    Mutants {
        /// Go on with the last run: try only what it has not seen caught
        #[arg(long)]
        again: bool,
        /// Only these
        parts: Vec<mutants::Part>,
    },
    /// See that what is public is documented, and that methods have examples
    Documented,
    /// Try everything of a release but the publishing
    Release(release::Request),
    /// Print the table of promises as tags on the tests tell it
    Promises {
        /// Write it into ARCHITECTURE.md
        #[arg(long)]
        write: bool,
    },
    /// Print what a group costs a microcontroller: flash, RAM, masked interrupts
    Sizes { machines: Vec<String> },
    /// Check the core for bare targets, feature set by feature set
    Targets { targets: Vec<String> },
    /// Check what no compiler checks: ladder, heads, names, licences, pages
    Tidy,
    /// Chaos and scenarios under a sanitizer of races, with Debian's Rust 1.96
    Tsan {
        /// How long each front end has
        #[arg(long, value_name = "N", default_value_t = 20)]
        seconds: u64,
    },
    /// Run the tests on i686, and on aarch64 in an emulator
    WordSizes { systems: Vec<String> },
}

fn main() -> ExitCode {
    let stop = match parse(std::env::args_os()) {
        Ok(task) => match Project::enter().and_then(|project| task.run(&project)) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(stop) => stop,
        },
        Err(error) => match unknown(&error) {
            Some(stop) => stop,
            None => error.exit(),
        },
    };
    eprintln!("xtask: {stop}");
    stop.exit_code()
}

impl Task {
    fn run(self, project: &Project) -> Result<(), Stop> {
        match self {
            Self::Ci { no_skip, steps } => ci::command(project, no_skip, &steps),
            Self::BareMetal { machines } => bare_metal::command(project, &machines),
            Self::Chaos(request) => chaos::command(project, &request),
            Self::Compare(request) => compare::command(project, &request),
            Self::Instructions { bless: false } => instructions::step(project),
            Self::Instructions { bless: true } => instructions::bless(project),
            Self::Loom {
                preemptions,
                models,
            } => LOOM.command(project, preemptions, &models),
            Self::Shuttle { schedules, models } => SHUTTLE.command(project, schedules, &models),
            Self::Messages => messages::step(project),
            Self::Mutants { again, parts } => mutants::command(project, again, &parts),
            Self::Documented => documented::command(project),
            Self::Release(request) => release::command(project, &request),
            Self::Promises { write } => tidy::promises(project, write),
            Self::Sizes { machines } => sizes::command(project, &machines),
            Self::Targets { targets } => targets::command(project, &targets),
            Self::Tidy => tidy::run(project),
            Self::Tsan { seconds } => tsan::command(project, seconds),
            Self::WordSizes { systems } => word_sizes::command(project, &systems),
        }
    }
}

fn parse<W: Into<std::ffi::OsString> + Clone>(
    words: impl IntoIterator<Item = W>,
) -> Result<Task, clap::Error> {
    Task::from_arg_matches(&command().try_get_matches_from(words)?)
}

/// The commands, with the steps of `ci` in the help.
fn command() -> Command {
    let steps = ci::STEPS.iter();
    let steps = steps.map(|step| format!("  {:<12}  {}\n", step.name, step.about));
    Task::command().after_help(format!(
        "Steps of ci:\n{}\n\
         Exit code: 0 if all is well, 1 if a check failed, 2 if the command could not run.",
        steps.collect::<String>()
    ))
}

/// Names the known commands beside an unknown one, which clap does not.
fn unknown(error: &clap::Error) -> Option<Stop> {
    let is_unknown = error.kind() == ErrorKind::InvalidSubcommand;
    let name = error
        .get(ContextKind::InvalidSubcommand)
        .filter(|_| is_unknown)?;
    let command = command();
    let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
    let known = known.join(", ");
    Some(Stop::Unable(format!(
        "unknown command `{name}`; there are {known}"
    )))
}

/// Reads a line as it is typed after `cargo xtask`.
#[cfg(test)]
fn typed(line: &str) -> Result<Task, String> {
    let words = ["xtask"].into_iter().chain(line.split_whitespace());
    parse(words).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_named_beside_the_known_ones() {
        let error = parse(["xtask", "cii"]).expect_err("there is no such command");
        let text = unknown(&error).expect("it is unknown").to_string();
        assert!(
            text.starts_with("unknown command `cii`; there are ci, "),
            "{text}"
        );
        assert!(
            text.ends_with("word-sizes") && !text.contains('\n'),
            "{text}"
        );
    }

    #[test]
    fn help_names_every_command_and_step() {
        let help = command().render_help().to_string();
        for task in command().get_subcommands() {
            let about = task.get_about().expect("each has one").to_string();
            assert!(help.contains(&about), "{}", task.get_name());
        }
        for step in ci::STEPS {
            assert!(help.contains(step.about), "{}", step.name);
        }
        let asked = parse(["xtask", "ci", "--help"]).expect_err("help is no task");
        assert_eq!(asked.kind(), ErrorKind::DisplayHelp);
    }

    #[test]
    fn what_is_asked_for_is_read() {
        command().debug_assert();
        let lines = "ci, ci tidy fmt --no-skip, bare-metal wasm32, instructions --bless, mutants --again, mutants front-ends cache, promises --write, \
                     sizes cortex-m0, documented, \
                     release --dry-run, release --dry-run api --bless, targets, messages, tidy, tsan --seconds=5, word-sizes";
        for line in lines.split(", ") {
            assert!(typed(line).is_ok(), "{line}");
        }
        let seconds = |line| match typed(line) {
            Ok(Task::Tsan { seconds }) => seconds,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!((seconds("tsan"), seconds("tsan --seconds 5")), (20, 5));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, what) in [
            ("tidy all", "all"),
            ("tsan --seconds", "--seconds <N>"),
            ("tsan --seconds soon", "soon"),
            ("tsan --front std", "--front"),
            ("compare --slow", "--slow"),
            ("chaos --seconds soon", "soon"),
            ("loom --preemptions many", "many"),
            ("loom --preemptions", "--preemptions <N>"),
            ("loom --preemption 3", "--preemption"),
            ("loom --mutants claim", "--mutants"),
            ("release", "--dry-run"),
        ] {
            let why = typed(line).expect_err(line);
            assert!(why.contains(what), "{line}: {why}");
        }
    }
}
