//! `cargo xtask sizes`: what a group costs a microcontroller, as the tables of
//! `docs/embedded.md`.

mod sections;
mod table;

use crate::bare_metal::{Kind, Machine, chosen};
use crate::project::Project;
use crate::sizes::sections::Sections;
use crate::sizes::table::Table;
use crate::stop::{Stop, each};

/// The package of the firmware.
const PACKAGE: &str = "bare-metal";

/// Features of the core that are measured one by one; the last is all that a processor without
/// compare-and-swap has.
const FEATURE_SETS: [&str; 3] = ["", "critical-section", "critical-section,portable-atomic"];

/// The board whose processor has no compare-and-swap.
const WITHOUT_SWAP: &str = "microbit";

pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    let mut flash = Table::new(&[
        "target",
        "features of the core",
        "without",
        "with",
        "a group costs",
        "in RAM",
    ]);
    let mut measured = Table::new(&["figure"]);
    let boards = chosen(arguments)?
        .into_iter()
        .filter_map(|machine| match machine.kind {
            Kind::Board(board) => Some((machine, board)),
            Kind::Module => None,
        });
    let result = each(boards.map(|(machine, board)| {
        let done = programs(project, machine, board, &mut flash)
            .and_then(|()| figures(project, machine, board, &mut measured));
        (machine.name, done)
    }));
    println!(
        "\nFlash, in bytes of code and constants, and what statics take of the RAM:\n\n{flash}"
    );
    println!(
        "RAM in bytes, and the longest time with interrupts masked in instructions:\n\n{measured}"
    );
    result
}

/// Builds the little firmware with a group and without, and tells how they differ.
fn programs(
    project: &Project,
    machine: &Machine,
    board: &str,
    flash: &mut Table,
) -> Result<(), Stop> {
    let build = |features: &str| {
        let options =
            format!("--bin size --no-default-features --features {board},untimed{features}");
        let path = machine.build_as(project, PACKAGE, &options, "size")?;
        Sections::read(&path).map_err(Stop::Failed)
    };
    let without = build("")?;
    for features in FEATURE_SETS {
        if board == WITHOUT_SWAP && !features.ends_with("portable-atomic") {
            continue;
        }
        let (comma, told) = if features.is_empty() {
            ("", "none")
        } else {
            (",", features)
        };
        let with = build(&format!(",group{comma}{features}"))?;
        flash.row(&[
            machine.target.to_owned(),
            told.replace(',', ", "),
            without.flash.to_string(),
            with.flash.to_string(),
            difference(with.flash, without.flash),
            difference(with.statics, without.statics),
        ]);
    }
    Ok(())
}

fn difference(with: u64, without: u64) -> String {
    if with < without {
        return format!("-{}", without - with);
    }
    (with - without).to_string()
}

/// Starts the firmware that measures, and takes what it prints: a column of figures.
fn figures(
    project: &Project,
    machine: &Machine,
    board: &str,
    measured: &mut Table,
) -> Result<(), Stop> {
    machine.require()?;
    let options = format!(
        "--bin measure --no-default-features --features {board},critical-section,group,report,timed"
    );
    let program = machine.build_as(project, PACKAGE, &options, "measure")?;
    let printed = machine.start(&program).stdout()?;
    let figures: Option<Vec<_>> = printed.lines().map(|line| line.split_once(": ")).collect();
    match figures.as_deref() {
        None | Some([]) => Stop::failed(format!("it printed no figures: {printed}")),
        Some(figures) => {
            measured.column(machine.target, figures);
            Ok(())
        }
    }
}
