//! The core's races: small ones in every interleaving that loom finds, crowds in many
//! schedules of shuttle's, and the bugs that are planted to see the models fail.

use clap::Args;

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::seeds;
use crate::stop::{Stop, at};
use crate::tidy::tree::Tree;

/// What runs models, named as its feature, its test and its directory are.
pub(crate) struct Checker {
    pub(crate) name: &'static str,
    /// What turns the models on. It reaches every crate, so the core is built alone, and apart
    /// from what the other steps build.
    pub(crate) flags: &'static str,
    /// The variable that tells the models how far to go.
    variable: &'static str,
    in_ci: u32,
    pub(crate) by_hand: u32,
    /// How far a planted bug is looked for. A run ends where it is caught.
    for_mutants: u32,
    /// What makes it tell how much it went through.
    talk: &'static [(&'static str, &'static str)],
}

pub(crate) const LOOM: Checker = Checker {
    name: "loom",
    flags: "--cfg loom",
    variable: "LOOM_MAX_PREEMPTIONS",
    in_ci: 2,
    by_hand: 3,
    for_mutants: 2,
    talk: &[
        ("NO_COLOR", "1"),
        ("LOOM_CHECKPOINT_INTERVAL", "1000000"),
        ("LOOM_LOG", "loom::model=info"),
    ],
};

pub(crate) const SHUTTLE: Checker = Checker {
    name: "shuttle",
    flags: "--cfg shuttle",
    variable: "SINGLEFLIGHT_SCHEDULES",
    in_ci: 5_000,
    by_hand: 100_000,
    // Schedules are drawn at random: enough that none is missed by bad luck.
    for_mutants: 200_000,
    talk: &[],
};

/// Which models a person asks for.
#[derive(Args, Debug)]
pub(crate) struct Models {
    /// Plant each known bug and see that the model that names it fails
    #[arg(long, conflicts_with = "models")]
    mutants: bool,

    /// Only models whose names contain one of these
    models: Vec<String>,
}

pub(crate) fn loom_step(project: &Project) -> Result<(), Stop> {
    LOOM.step(project)
}

pub(crate) fn shuttle_step(project: &Project) -> Result<(), Stop> {
    SHUTTLE.step(project)
}

impl Checker {
    fn step(&self, project: &Project) -> Result<(), Stop> {
        let target = project.target_for(self.name)?;
        self.test_to(&target, self.in_ci).run()?;
        self.mutants(project)
    }

    pub(crate) fn command(
        &self,
        project: &Project,
        bound: u32,
        request: &Models,
    ) -> Result<(), Stop> {
        if request.mutants {
            return self.mutants(project);
        }
        let target = project.target_for(self.name)?;
        let test = self.test_to(&target, bound);
        let talking = self.talk.iter();
        talking
            .fold(test, |test, (key, value)| test.env(key, value))
            .args(["--", "--nocapture", "--test-threads=1"])
            .args(&request.models)
            .run()
    }

    /// Plants the bugs that the models name, one after the other.
    fn mutants(&self, project: &Project) -> Result<(), Stop> {
        let tree = Tree::load(project.root()).map_err(at("the checkout"))?;
        let target = project.target_for(self.name)?;
        seeds::catch_all(&seeds::pairs(&tree, self.name), || {
            self.test_to(&target, self.for_mutants)
        })
    }

    /// Runs the models so far.
    fn test_to(&self, target: &str, bound: u32) -> Command {
        let Self { name, .. } = self;
        cargo(&format!(
            "test -p singleflight-core --release --features {name} --test {name} \
             --target-dir {target}"
        ))
        .env(self.variable, &bound.to_string())
        .env("RUSTFLAGS", self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Task, typed};

    #[test]
    fn bounds_and_models_are_read() {
        for (line, expected) in [
            ("loom", (LOOM.by_hand, false, "")),
            ("loom --preemptions 4 claim", (4, false, "claim")),
            ("loom a --preemptions=5 b", (5, false, "a b")),
            ("shuttle --schedules 20 a", (20, false, "a")),
            ("loom --mutants", (LOOM.by_hand, true, "")),
        ] {
            let (bound, models) = match typed(line) {
                Ok(Task::Loom {
                    preemptions,
                    models,
                }) => (preemptions, models),
                Ok(Task::Shuttle { schedules, models }) => (schedules, models),
                other => panic!("{line}: {other:?}"),
            };
            assert_eq!(
                (bound, models.mutants, models.models.join(" ").as_str()),
                expected
            );
        }
    }
}
