//! `chaos-peers --seconds N --seed S`: the chaos against ours and every peer, side by side.
//!
//! One kind of mischief at a time, so that a peer that bears one of them badly is still seen
//! with the others; and in each, ours first, in the same harness, behind the same bridge and
//! asked for the same and no more. Nothing about a peer is known beforehand but what it can be
//! asked for: whether it bears that is what the table says.
//!
//! Exit code: 0 if ours kept every promise, 1 if not, 2 if it could not be run as asked. What
//! peers do fails nothing.

mod course;
mod table;
mod telling;
mod trial;
mod tried;

use std::marker::PhantomData;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use singleflight_chaos::{Ability, Options, Rules, Setup};
use singleflight_peers::{
    About, BlockingPeer, Maker, OursOnTokio, Peer, ThreadVisitor, Visitor, each_blocking,
    each_other,
};

use crate::course::Course;
use crate::table::{Row, Table};
use crate::trial::Ended;
use crate::tried::{Tasks, Threads};

/// The chaos against ours and every peer, side by side.
#[derive(Debug, Parser)]
#[command(name = "chaos-peers")]
struct Arguments {
    /// How long each subject is tried with each kind of mischief
    #[arg(long, value_name = "N", default_value_t = 3)]
    seconds: u64,

    /// What the callers' choices follow from; the schedule does not
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// After how many seconds without any movement a call is said to hang
    #[arg(long, value_name = "N", default_value_t = 5)]
    patience: u64,

    /// Print a few violations of each kind, call by call
    #[arg(long)]
    examples: bool,

    /// Only subjects whose names contain one of these, and ours
    #[arg(value_name = "SUBJECT")]
    only: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { seconds, seed, .. } = arguments;
    println!("chaos-peers: seed {seed}, {seconds} s for each line");
    let mut trials = Trials {
        arguments,
        table: Table::default(),
    };
    trials.course::<course::Calls>();
    trials.course::<course::Lose>();
    trials.course::<course::Panic>();
    trials.course::<course::Nest>();
    trials.course::<course::Sleep>();
    trials.course::<course::Forget>();
    print!("\n{}", trials.table);
    if trials.table.is_ours_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// All that is tried, one after the other.
struct Trials {
    arguments: Arguments,
    table: Table,
}

impl Trials {
    /// Tries ours and every peer that can be asked for what this course is about.
    fn course<C: Course>(&mut self) {
        println!("\n== {}", C::ABOUT);
        let mut entrants = Entrants::<C> {
            trials: self,
            course: PhantomData,
        };
        Visitor::visit::<OursOnTokio>(&mut entrants);
        each_other(&mut entrants);
        if C::IS_FOR_THREADS {
            each_blocking(&mut entrants);
        }
    }

    fn try_one<C: Course>(
        &mut self,
        about: About,
        front: &'static str,
        make_setup: impl Fn(&Rules) -> Setup + Send + 'static,
    ) {
        let arguments = &self.arguments;
        let is_wanted = |word: &String| about.name.contains(word.as_str());
        let mut only = arguments.only.iter();
        if about.maker != Maker::Ours && only.len() > 0 && !only.any(is_wanted) {
            return;
        }
        let mut options = Options::new(Duration::from_secs(arguments.seconds), arguments.seed);
        options.patience = Duration::from_secs(arguments.patience);
        let row = Row {
            about,
            front,
            abilities: C::ABILITIES,
            ended: trial::bounded(options, make_setup),
        };
        println!("{row}");
        if let (true, Ended::Whole(report)) = (arguments.examples, &row.ended) {
            print!("{}", report.violations);
        }
        self.table.add(row);
    }
}

/// Those who are tried in one course.
struct Entrants<'a, C> {
    trials: &'a mut Trials,
    course: PhantomData<C>,
}

impl<C: Course> Visitor for Entrants<'_, C> {
    fn visit<P: Peer>(&mut self) {
        if C::ABILITIES.contains(&Ability::Forget) && !Tasks::<P, C>::can_forget() {
            return;
        }
        // As many as the front end for tokio has when it is tried alone.
        self.trials.try_one::<C>(P::ABOUT, "tokio", |rules| {
            let subject = Arc::new(Tasks::<P, C>::new(rules));
            Setup::of(&subject).tokio(4, 32, &subject)
        });
    }
}

impl<C: Course> ThreadVisitor for Entrants<'_, C> {
    fn visit<P: BlockingPeer>(&mut self) {
        self.trials.try_one::<C>(P::ABOUT, "threads", |rules| {
            let subject = Arc::new(Threads::<P, C>::new(rules));
            Setup::of(&subject).threads(8, &subject)
        });
    }
}
