//! What chance alone decides about: functions that a system comes to when the
//! time for it has come, which need not be in any boot of a trace.

use std::collections::BTreeSet;

use vmlinux::prune::{FunctionIndex, Graph, Program};

/// Who calls whom, and where that stands.
pub(crate) trait Calls {
    /// What a function calls by name.
    fn called(&self, function: FunctionIndex) -> Vec<FunctionIndex>;
    /// What it hands over to be called later.
    fn handed_over(&self, function: FunctionIndex) -> Vec<FunctionIndex>;
    /// Whether two functions stand in one object.
    fn in_one_object(&self, one: FunctionIndex, other: FunctionIndex) -> bool;
}

/// The calls of a kernel.
pub(crate) struct KernelCalls<'a> {
    /// The kernel.
    pub(crate) program: &'a Program,
    /// Its calls.
    pub(crate) graph: &'a Graph,
}

impl Calls for KernelCalls<'_> {
    fn called(&self, function: FunctionIndex) -> Vec<FunctionIndex> {
        self.graph.direct_callees(function).to_vec()
    }

    fn handed_over(&self, function: FunctionIndex) -> Vec<FunctionIndex> {
        self.graph.handed_over(function).to_vec()
    }

    fn in_one_object(&self, one: FunctionIndex, other: FunctionIndex) -> bool {
        let object = |index: FunctionIndex| {
            let function = self.program.functions().get(index.0 as usize);
            function.map(|f| f.id.object.as_str())
        };
        object(one) == object(other)
    }
}

/// What functions that ran call by name or hand over, of those that timing
/// chooses from; and what a callback that never ran calls in its object: the time
/// for it may come, and it never ran to show what it needs.
pub(crate) fn may_come(
    ran: &BTreeSet<FunctionIndex>,
    chosen: &BTreeSet<FunctionIndex>,
    calls: &dyn Calls,
) -> BTreeSet<FunctionIndex> {
    let new = |index: &FunctionIndex| chosen.contains(index) && !ran.contains(index);
    let handed_over = ran.iter().flat_map(|f| calls.handed_over(*f));
    let mut open: Vec<FunctionIndex> = handed_over.filter(new).collect();
    let mut come = BTreeSet::new();
    while let Some(function) = open.pop() {
        if come.insert(function) {
            let called = calls.called(function).into_iter();
            open.extend(called.filter(|f| new(f) && calls.in_one_object(*f, function)));
        }
    }
    come.extend(ran.iter().flat_map(|f| calls.called(*f)).filter(new));
    come
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions 0 to 9 stand in one object, 10 to 19 in the next.
    struct Small {
        calls: &'static [(u32, u32)],
        hands_over: &'static [(u32, u32)],
    }

    fn of(pairs: &[(u32, u32)], function: FunctionIndex) -> Vec<FunctionIndex> {
        let its = pairs.iter().filter(|(from, _)| *from == function.0);
        its.map(|(_, to)| FunctionIndex(*to)).collect()
    }

    impl Calls for Small {
        fn called(&self, function: FunctionIndex) -> Vec<FunctionIndex> {
            of(self.calls, function)
        }

        fn handed_over(&self, function: FunctionIndex) -> Vec<FunctionIndex> {
            of(self.hands_over, function)
        }

        fn in_one_object(&self, one: FunctionIndex, other: FunctionIndex) -> bool {
            one.0 / 10 == other.0 / 10
        }
    }

    fn come(ran: &[u32], chosen: std::ops::Range<u32>, calls: &Small) -> Vec<u32> {
        let ran = ran.iter().map(|f| FunctionIndex(*f)).collect();
        let chosen = chosen.map(FunctionIndex).collect();
        let come = may_come(&ran, &chosen, calls);
        come.into_iter().map(|f| f.0).collect()
    }

    #[test]
    fn a_callback_that_never_ran_brings_what_it_calls_in_its_object() {
        // tcp_delack_timer -> tcp_delack_timer_handler -> tcp_send_ack, elsewhere;
        // a circle ends.
        let calls = Small {
            calls: &[(1, 2), (2, 3), (3, 1), (2, 11), (4, 5)],
            hands_over: &[(0, 1)],
        };
        assert_eq!(come(&[0], 0..20, &calls), [1, 2, 3]);
    }

    #[test]
    fn what_ran_brings_what_it_calls_wherever_that_stands_and_no_more() {
        let calls = Small {
            calls: &[(0, 1), (1, 2), (0, 11), (11, 12)],
            hands_over: &[(1, 3)],
        };
        assert_eq!(come(&[0], 0..20, &calls), [1, 11]);
    }

    #[test]
    fn timing_chooses_from_what_its_rule_names_alone() {
        let calls = Small {
            calls: &[(1, 2), (1, 11), (0, 12)],
            hands_over: &[(0, 1), (0, 13)],
        };
        assert_eq!(come(&[0], 0..2, &calls), [1]);
        // What ran already is not new.
        assert_eq!(come(&[0, 1], 0..10, &calls), [2]);
    }
}
