//! Crowds: callers that come, are lost, leave, forget, load batches and spawn, all at once.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread;
use singleflight_core::{CallError, Joined};

use crate::plan::explore;
use crate::stage::{Group, Stage, one_in};

type Part = Box<dyn FnOnce() + Send>;

/// Runs parts on threads of their own, and waits until all have ended.
fn together(parts: impl IntoIterator<Item = Part>) {
    let threads: Vec<_> = parts.into_iter().map(thread::spawn).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn call(stage: &Stage, key: u32) -> Part {
    let stage = stage.clone();
    Box::new(move || stage.caller(key).call())
}

/// For how long a spawned call runs.
enum Runs {
    ToItsEnd,
    WhileWanted,
}

/// Spawns a call, and waits for it or drops its handle.
fn spawn(stage: &Stage, key: u32, runs: Runs) -> Part {
    let stage = stage.clone();
    Box::new(move || {
        let caller = stage.caller(key);
        let call = Group::call_owned(Arc::clone(&stage.group), key).spawnable();
        let arrived = match runs {
            Runs::ToItsEnd => call.arrive(),
            Runs::WhileWanted => call.while_wanted().arrive(),
        };
        let arrived = match arrived {
            Ok(arrived) => arrived,
            Err(error) => return assert_eq!(error, CallError::Closed),
        };
        let worker = stage.clone();
        let (task, handle) = arrived.into_detached_task(async move || {
            let execution = worker.begin(key);
            shuttle::future::yield_now().await;
            execution.value
        });
        let task = shuttle::future::spawn(task);
        if one_in(2) {
            drop(handle);
        } else {
            let value = block_on(handle);
            caller.receive(value.expect("its task runs"));
        }
        block_on(task).expect("a spawned call's task ends");
    })
}

/// Loads a batch.
fn load(stage: &Stage, keys: [u32; 3]) -> Part {
    let stage = stage.clone();
    Box::new(move || {
        let callers = keys.map(|key| stage.caller(key));
        let worker = stage.clone();
        let answers = block_on(stage.group.run_many(keys, async |missing: Vec<u32>| {
            let load = |key| (key, worker.execute(key));
            missing.into_iter().map(load).collect::<Vec<_>>()
        }));
        for (caller, key) in callers.iter().zip(keys) {
            let value = answers.get(&key).expect("every key is answered");
            caller.receive(*value.expect("nobody is refused"));
        }
    })
}

/// Whatever becomes of leaders and followers, one leads at a time, everyone is answered with a
/// fresh value, and nothing stays behind.
///
/// Seeded bugs seen to fail here: `claim-leaves-vacant`, `silent-loss`, `vacant-entry-stays`,
/// `end-without-settling`.
///
/// Holds P1.
#[test]
fn five_callers_of_whom_many_are_lost() {
    explore(|| {
        let stage = Stage::new(|builder| builder);
        together((0..5).map(|_| call(&stage, 7)));
        stage.assert_empty();
    });
}

/// Three batches in different orders, and a caller between them.
///
/// Seeded bug seen to fail here: `batch-waits-first`.
///
/// Holds P1.
#[test]
fn three_batches_and_a_caller() {
    explore(|| {
        let stage = Stage::new(|builder| builder);
        together([
            load(&stage, [1, 2, 3]),
            load(&stage, [3, 1, 2]),
            load(&stage, [2, 3, 1]),
            call(&stage, 2),
        ]);
        stage.assert_empty();
    });
}

/// Spawned calls that run to their end or until nobody wants them, among callers, and a drain
/// that begins in the midst of it.
///
/// Seeded bug seen to fail here: `silent-end`.
///
/// Holds P6.
#[test]
fn spawned_calls_and_a_drain() {
    explore(|| {
        let stage = Stage::new(|builder| builder);
        let group = Arc::clone(&stage.group);
        together([
            spawn(&stage, 7, Runs::WhileWanted),
            spawn(&stage, 7, Runs::ToItsEnd),
            spawn(&stage, 7, Runs::WhileWanted),
            call(&stage, 7),
            Box::new(move || block_on(group.drained())),
        ]);
        stage.assert_empty();
    });
}

/// Callers, and two who forget: an old flight leaves a newer one alone.
///
/// Seeded bug seen to fail here: `remove-by-key`.
///
/// Holds P2.
#[test]
fn callers_and_two_who_forget() {
    explore(|| {
        let stage = Stage::new(|builder| builder);
        let forget = || {
            let stage = stage.clone();
            Box::new(move || stage.forget(7)) as Part
        };
        let calls = (0..4).map(|_| call(&stage, 7));
        together(calls.chain([forget(), forget()]).collect::<Vec<_>>());
        stage.assert_empty();
    });
}

/// A group with a fixed capacity has all of its storage again once its flights have ended.
///
/// Seeded bug seen to fail here: `vacant-entry-stays` (so does a part). Shuttle takes letting go
/// for one step; loom's `two_let_go_of_a_shared_part` looks into it.
///
/// Holds P6.
#[test]
fn a_full_group_has_its_storage_back() {
    explore(|| {
        let stage = Stage::new(|builder| builder.fixed_capacity(2));
        together([1, 1, 2, 2, 3].map(|key| call(&stage, key)));
        stage.assert_empty();

        let joined = [1, 2, 1, 2].map(|key| stage.group.join(key));
        assert!(joined.iter().all(Result::is_ok), "storage was lost");
        assert!(matches!(stage.group.join(3), Err(CallError::Full)));
        assert!(matches!(joined[0], Ok(Joined::Leader(_))));
    });
}
