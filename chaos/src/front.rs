//! Our own front ends, as subjects.

mod shared;
mod smol;
mod std;
mod tokio;

use ::std::fmt;
use ::std::str::FromStr;
use ::std::sync::Arc;

use singleflight_core::{Builder, PanicPolicy};

use crate::front::shared::CoreGroup;
use crate::rules::{Rules, ticks};
use crate::setup::Setup;

/// Which callers use a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are three front ends")]
pub enum Front {
    /// Threads.
    Std,
    /// Tasks of tokio.
    Tokio,
    /// Tasks of smol.
    Smol,
    /// All three, in one group.
    Mixed,
}

impl Front {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Std, Self::Tokio, Self::Smol, Self::Mixed];

    /// Returns the word that names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Std => "std",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::Mixed => "mixed",
        }
    }

    /// Makes the callers of a round and their group.
    pub fn setup(self, rules: &Rules) -> Setup {
        let group = group(rules);
        let std = Arc::new(std::Threads(group.clone().into()));
        let tokio = Arc::new(tokio::Tasks(group.clone().into()));
        let (smol, executor) = smol::Tasks::new(&group);
        let smol = Arc::new(smol);
        let setup = Setup::of(&std);
        match self {
            Self::Std => setup.threads(8, &std),
            Self::Tokio => setup.tokio(4, 32, &tokio),
            Self::Smol => setup.smol(4, 32, &executor, &smol),
            Self::Mixed => setup
                .threads(4, &std)
                .tokio(2, 12, &tokio)
                .smol(2, 12, &executor, &smol),
        }
    }
}

impl fmt::Display for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Front {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let front = Self::ALL.into_iter().find(|front| front.name() == word);
        front.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no front end `{word}`, only {names}")
        })
    }
}

fn group(rules: &Rules) -> CoreGroup {
    let mut builder = Builder::new().shards(rules.shards);
    if rules.panics_hand_over {
        builder = builder.panic_policy(PanicPolicy::HandOver);
    }
    if let Some(most) = rules.max_followers {
        builder = builder.max_followers(most);
    }
    // Without a bound none at all, not even the default's.
    builder = builder.max_failures(rules.max_failures.unwrap_or(u32::MAX));
    if let Some(age) = rules.max_age {
        builder = builder.max_age(age, ticks);
    }
    Arc::new(builder.build())
}
