//! What is told when a search ends without a result.

use host::error::Kind;
use shrink::SearchError;

use crate::failure::Failure;

/// What is to be done when trials wait for shards.
const SHARDS: &str = "on each of N machines `tuxling shrink RECIPE --shard I/N --store DIR`, bring \
                      the stores together by `tuxling store merge`, then the same command again";

/// Trials wait for others to carry them out.
pub(super) fn trials_wait(open: usize) -> Failure {
    let text = format!("{open} trials wait for shards");
    Failure::new(Kind::Waiting, text).help(SHARDS)
}

/// The search itself had to end.
pub(super) fn search_failure(error: &SearchError) -> Failure {
    let kind = match error {
        SearchError::StartFails(_) | SearchError::StartIsFlaky { .. } => Kind::Check,
        SearchError::Journal(_) | SearchError::Stopped(_) => Kind::Machine,
    };
    Failure::new(kind, error.to_string())
}
