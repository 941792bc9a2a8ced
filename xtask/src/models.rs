//! The core's races: small ones in every interleaving that loom finds, crowds in many
//! schedules of shuttle's, and the bugs that are planted to see the models fail.

use crate::command::Command;
use crate::project::{Project, cargo};
use crate::seeds;
use crate::stop::Stop;
use crate::tidy::Tree;

/// What runs models, named as its feature, its test and its directory are.
pub(crate) struct Checker {
    pub(crate) name: &'static str,
    /// What turns the models on. It reaches every crate, so the core is built alone, and apart
    /// from what the other steps build.
    pub(crate) flags: &'static str,
    /// The option that says how far to go, and the variable that tells the models.
    option: &'static str,
    variable: &'static str,
    in_ci: u32,
    by_hand: u32,
    /// How far a planted bug is looked for. A run ends where it is caught.
    for_mutants: u32,
    /// What makes it tell how much it went through.
    talk: &'static [(&'static str, &'static str)],
}

pub(crate) const LOOM: Checker = Checker {
    name: "loom",
    flags: "--cfg loom",
    option: "--preemptions",
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
    option: "--schedules",
    variable: "SINGLEFLIGHT_SCHEDULES",
    in_ci: 5_000,
    by_hand: 100_000,
    // Schedules are drawn at random: enough that none is missed by bad luck.
    for_mutants: 200_000,
    talk: &[],
};

/// What a person asks for.
#[derive(Debug, Eq, PartialEq)]
struct Request {
    bound: u32,
    mutants: bool,
    /// Only models whose names contain one of these; all if there are none.
    models: Vec<String>,
}

pub(crate) fn loom(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    LOOM.command(project, arguments)
}

pub(crate) fn shuttle(project: &Project, arguments: &[String]) -> Result<(), Stop> {
    SHUTTLE.command(project, arguments)
}

pub(crate) fn loom_step(project: &Project) -> Result<(), Stop> {
    LOOM.step(project)
}

pub(crate) fn shuttle_step(project: &Project) -> Result<(), Stop> {
    SHUTTLE.step(project)
}

impl Checker {
    fn step(&self, project: &Project) -> Result<(), Stop> {
        self.test(self.flags, &project.target_for(self.name)?)
            .run()?;
        self.mutants(project)
    }

    fn command(&self, project: &Project, arguments: &[String]) -> Result<(), Stop> {
        let request = self.parse(arguments).map_err(Stop::Unable)?;
        if request.mutants {
            return self.mutants(project);
        }
        let target = project.target_for(self.name)?;
        let test = self.test_to(self.flags, &target, request.bound);
        let talking = self.talk.iter();
        talking
            .fold(test, |test, (key, value)| test.env(key, value))
            .args(["--", "--nocapture", "--test-threads=1"])
            .args(request.models)
            .run()
    }

    /// Plants the bugs that the models name, one after the other.
    fn mutants(&self, project: &Project) -> Result<(), Stop> {
        let tree = Tree::load(project.root())
            .map_err(|error| Stop::Failed(format!("cannot read the checkout: {error}")))?;
        let target = project.target_for(self.name)?;
        seeds::catch_all(&seeds::pairs(&tree, self.name), || {
            self.test_to(self.flags, &target, self.for_mutants)
        })
    }

    /// Runs the models as far as `ci` does, in a build with these flags.
    pub(crate) fn test(&self, flags: &str, target: &str) -> Command {
        self.test_to(flags, target, self.in_ci)
    }

    fn test_to(&self, flags: &str, target: &str, bound: u32) -> Command {
        let Self { name, .. } = self;
        cargo(&format!(
            "test -p singleflight-core --release --features {name} --test {name} \
             --target-dir {target}"
        ))
        .env(self.variable, &bound.to_string())
        .env("RUSTFLAGS", flags)
    }

    fn parse(&self, arguments: &[String]) -> Result<Request, String> {
        let mut request = Request {
            bound: self.by_hand,
            mutants: false,
            models: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--mutants" {
                request.mutants = true;
                continue;
            }
            let number = match word.strip_prefix(self.option) {
                Some("") => words.next().map(String::as_str),
                Some(rest) => rest.strip_prefix('='),
                None if word.starts_with('-') => return Err(format!("unknown option `{word}`")),
                None => {
                    request.models.push(word.clone());
                    continue;
                }
            };
            let needs = format!("`{}` needs a number", self.option);
            let number = number.ok_or_else(|| needs.clone())?;
            request.bound = number
                .parse()
                .map_err(|_| format!("{needs}, not `{number}`"))?;
        }
        if request.mutants && !request.models.is_empty() {
            return Err("`--mutants` plants every bug and takes no models".to_owned());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(checker: &Checker, line: &str) -> Result<(u32, bool, String), String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let request = checker.parse(&words);
        request.map(|found| (found.bound, found.mutants, found.models.join(" ")))
    }

    #[test]
    fn bounds_and_models_are_read() {
        let expected = |bound, models: &str| Ok((bound, false, models.to_owned()));
        assert_eq!(request(&LOOM, ""), expected(LOOM.by_hand, ""));
        assert_eq!(
            request(&LOOM, "--preemptions 4 claim"),
            expected(4, "claim")
        );
        assert_eq!(request(&LOOM, "a --preemptions=5 b"), expected(5, "a b"));
        assert_eq!(request(&SHUTTLE, "--schedules 20 a"), expected(20, "a"));
        let mutants = Ok((LOOM.by_hand, true, String::new()));
        assert_eq!(request(&LOOM, "--mutants"), mutants);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, why) in [
            ("--preemptions", "`--preemptions` needs a number"),
            (
                "--preemptions many",
                "`--preemptions` needs a number, not `many`",
            ),
            ("--preemption 3", "unknown option `--preemption`"),
            ("--preemptionsx", "`--preemptions` needs a number"),
            (
                "--mutants claim",
                "`--mutants` plants every bug and takes no models",
            ),
        ] {
            assert_eq!(request(&LOOM, line), Err(why.to_owned()));
        }
    }
}
