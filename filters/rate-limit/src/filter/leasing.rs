//! Tokens that are taken and given back at ticks, and given out to requests.

use ferrox_host::{CallId, CallOutcome, Host};
use ferrox_policy::sidecar::LimitState;

use super::{Limiter, Question};
use crate::{decision, store::UNHURRIED};

impl Limiter {
    /// How the limits of a request stand that passes by tokens which this worker holds. Who must ask for one limit asks for all.
    pub(super) fn covered(&self, host: &dyn Host, question: &Question) -> Option<Vec<LimitState>> {
        if !question.rules.are_leased() {
            return None;
        }
        let mut leases = self.leases.borrow_mut();
        let states = leases.pass(host.now(), &question.request.limits);
        if states.is_none() {
            question.request.limits.iter().for_each(|check| leases.asked(host.now(), check));
        }
        states
    }

    /// Takes tokens for the next period, and gives back what was not used.
    pub(super) fn lease(&self, host: &dyn Host) {
        if self.store.is_left_alone() {
            return;
        }
        let due = self.leases.borrow_mut().tick(host.now());
        self.store.give_back(host, &due.returns);
        for request in due.takes {
            match self.store.ask(host, &request, Some(UNHURRIED)) {
                Ok(asked) => {
                    self.takes.borrow_mut().insert(asked.call, (asked, request));
                }
                Err(_counted) => self.leases.borrow_mut().lost(host.now(), &request),
            }
        }
    }

    /// A take ended.
    pub(super) fn leased(&self, host: &dyn Host, call: CallId, outcome: &CallOutcome) {
        let Some((asked, request)) = self.takes.borrow_mut().remove(&call) else { return };
        let answer = decision::read(outcome, &request);
        self.store.answered(host, asked, answer.as_ref().err().copied());
        let mut leases = self.leases.borrow_mut();
        match answer {
            Ok(response) => leases.took(asked.at, &request, &response),
            Err(_counted) => leases.lost(host.now(), &request),
        }
    }
}
