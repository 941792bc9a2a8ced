//! Steps that run tests.

use crate::ci::features::{FEATURE_SETS, WORKSPACE, core_with};
use crate::command::run_all;
use crate::project::{Project, cargo, cargo_of_peers};
use crate::stop::Stop;

pub(crate) fn tests(project: &Project) -> Result<(), Stop> {
    // `--tests` leaves out the benches, which have a step of their own.
    let mut commands = vec![
        cargo(&format!("test {WORKSPACE} --tests --no-fail-fast")),
        cargo_of_peers(project, "test --locked --no-fail-fast")?,
    ];
    // With `std` alone they run with the workspace's.
    let alone = FEATURE_SETS
        .into_iter()
        .filter(|features| *features != "std");
    commands.extend(alone.map(|features| {
        let core = core_with(features);
        // The model takes its time; it says something else only where panics are not caught.
        let tests = if features.is_empty() {
            "--tests"
        } else {
            "--lib --test it"
        };
        cargo(&format!("test {core} {tests} --no-fail-fast"))
    }));
    // What is recorded is off by default; the same test expects nothing then.
    commands.push(cargo(
        "test -p singleflight-tokio --features tracing --test tracing",
    ));
    run_all(commands)
}

pub(crate) fn doctests(_: &Project) -> Result<(), Stop> {
    cargo(&format!("test {WORKSPACE} --doc --no-fail-fast")).run()
}

#[cfg(test)]
mod tests {
    use cargo_metadata::MetadataCommand;

    use crate::ci::features::FEATURE_SETS;

    /// What is not tested alone has to be what a build of the workspace makes of the core.
    #[test]
    fn the_workspace_has_the_core_with_std_alone() {
        let metadata = MetadataCommand::new().no_deps().exec();
        let metadata = metadata.expect("this is a workspace");
        let all = metadata
            .packages
            .iter()
            .flat_map(|package| &package.dependencies);
        let ours = all.filter(|dependency| dependency.name.starts_with("singleflight-"));
        let asked: Vec<_> = ours.flat_map(|dependency| &dependency.features).collect();
        let of_core: Vec<_> = FEATURE_SETS.iter().flat_map(|set| set.split(',')).collect();
        let others = asked
            .into_iter()
            .filter(|feature| of_core.contains(&feature.as_str()));
        assert!(others.into_iter().all(|feature| feature == "std"));
    }
}
