//! Rows of live tables that do not fit what is served, and are left out of it while other rows make no sense.

use crate::model::Problem;

/// So many are told one by one.
const TOLD: usize = 10;

/// What is left out, so that it is told once.
#[derive(Default)]
pub(super) struct LeftOut(Vec<Problem>);

impl LeftOut {
    /// These are left out now.
    pub(super) fn tell(&mut self, problems: Vec<Problem>) {
        if self.0 == problems {
            return;
        }
        for problem in problems.iter().take(TOLD) {
            tracing::warn!(%problem, "left out until all rows make sense");
        }
        if problems.len() > TOLD {
            tracing::warn!(rows = problems.len(), "more are left out until all rows make sense");
        }
        self.0 = problems;
    }
}
