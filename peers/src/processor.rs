//! Threads that run where they were put. Left to itself, a system may run two threads of a short
//! round one after the other on one processor, where they do not meet.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Moves this thread to one of the processors that it may use, counted round and round. Where the
/// system does not let it, it stays where it is.
pub fn move_to(number: usize) {
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let mut processors = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let count = allowed.count() as usize;
    if let Some(cpu) = processors.nth(number % count.max(1)) {
        let mut one = CpuSet::new();
        one.set(cpu);
        let _stays = sched_setaffinity(None, &one);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn threads_run_where_they_were_put() {
        let of_this = || sched_getaffinity(None).expect("a thread may ask for its own");
        let all = of_this();
        let count = all.count() as usize;
        for number in 0..2 * count {
            let thread = thread::spawn(move || {
                move_to(number);
                let first = of_this();
                move_to(0);
                (first, of_this())
            });
            let (first, second) = thread.join().expect("it does not panic");
            assert_eq!(first.count(), 1);
            assert_eq!(first, second, "it has one processor left to choose from");
            assert!((0..CpuSet::MAX_CPU).all(|cpu| all.is_set(cpu) || !first.is_set(cpu)));
        }
    }
}
