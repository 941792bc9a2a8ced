//! What works were told about being forgotten.

use super::{KEY, finds, finds_nothing, forgotten, history};
use crate::history::{History, Question};
use crate::violation::Kind;

#[test]
fn a_work_that_is_told_wrongly_whether_it_was_forgotten_is_found() {
    let asked = |is_forgotten, retirement| History {
        questions: vec![Question {
            key: KEY,
            call: 1,
            execution: 2,
            begin: 5,
            end: 6,
            is_forgotten,
        }],
        retirements: Vec::from_iter(retirement),
        ..history(vec![], vec![])
    };
    finds(Kind::Fence, asked(true, None));
    finds(Kind::Fence, asked(false, Some(forgotten(3, 4))));
    finds_nothing(asked(true, Some(forgotten(3, 4))));
    finds_nothing(asked(false, None));
    // While it asks, either is right.
    finds_nothing(asked(true, Some(forgotten(4, 7))));
    finds_nothing(asked(false, Some(forgotten(4, 7))));
}
