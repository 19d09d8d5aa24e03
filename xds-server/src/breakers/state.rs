//! The state of one breaker of one Envoy, from what is seen of it now and then. Pure, and without a clock.

use std::time::Duration;

use serde::Serialize;

use crate::{
    model::{Force, Upstream},
    stats::{Reached, Sample},
};

/// What the rows say of a breaker, as far as its state depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// How long it stays open at least.
    pub(super) open_for: Duration,
    /// Whether it closes by a probe that succeeds, rather than by time alone.
    pub(super) has_probe: bool,
    /// Whether it is kept open by hand, or by a limit of 0.
    pub(super) forced: bool,
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Every endpoint gets traffic.
    Closed,
    /// Some endpoints are out.
    PartlyOpen,
    /// All endpoints are out, or it is forced open.
    Open,
    /// All endpoints are out, and only the probe keeps them out any longer.
    HalfOpen,
}

/// A breaker as it was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Breaker {
    pub(super) sample: Sample,
    phase: Phase,
    /// When it was first seen in this phase, in seconds since 1970.
    pub(super) since: u64,
}

/// What a sample tells without the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    PartlyOpen,
    Open,
}

/// What operators are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It let traffic through, and does not any more.
    Opened,
    /// It lets traffic through again, at least to some endpoints.
    Closed,
}

impl Terms {
    pub(super) fn of(upstream: &Upstream) -> Self {
        let breaker = &upstream.breaker;
        let limits = [breaker.max_connections, breaker.max_pending_requests, breaker.max_requests];
        Self {
            open_for: breaker.open_for,
            has_probe: breaker.probe.is_some(),
            forced: breaker.force == Some(Force::Open) || limits.contains(&0),
        }
    }
}

impl Sample {
    /// How many endpoints get no traffic. Envoy's two gauges may be of different moments.
    pub(super) fn out(&self) -> u32 {
        self.endpoints.saturating_sub(self.healthy)
    }

    fn phase(&self, terms: &Terms) -> Phase {
        match self.out() {
            _ if terms.forced => Phase::Open,
            0 => Phase::Closed,
            out if out == self.endpoints => Phase::Open,
            _ => Phase::PartlyOpen,
        }
    }
}

impl Breaker {
    /// The breaker as it is seen now, and what has become of it since it was seen before. One that was never seen before
    /// counts as having been closed.
    pub(super) fn seen(
        before: Option<&Self>,
        sample: Sample,
        terms: &Terms,
        now: u64,
    ) -> (Self, Option<Change>) {
        let phase = sample.phase(terms);
        let was_open = before.is_some_and(|before| before.phase == Phase::Open);
        // With all endpoints out both times, one can only have been taken out if it was back in between.
        let reopened = was_open && before.is_some_and(|before| sample.ejections > before.sample.ejections);
        let since = match before {
            Some(before) if before.phase == phase && !reopened => before.since,
            _ => now,
        };
        let change = match (was_open, phase) {
            (false, Phase::Open) => Some(Change::Opened),
            (true, Phase::Open) if reopened => Some(Change::Opened),
            (true, Phase::Closed | Phase::PartlyOpen) => Some(Change::Closed),
            _ => None,
        };
        (Self { sample, phase, since }, change)
    }

    /// Its state at a time, in seconds since 1970.
    pub(super) fn state(&self, terms: &Terms, now: u64) -> State {
        let open_time = Duration::from_secs(now.saturating_sub(self.since));
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::PartlyOpen => State::PartlyOpen,
            Phase::Open if terms.has_probe && !terms.forced && open_time >= terms.open_for => State::HalfOpen,
            Phase::Open => State::Open,
        }
    }
}

impl Reached {
    /// The names of the limits.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let limits = [
            ("connections", self.connections),
            ("pending_requests", self.pending_requests),
            ("requests", self.requests),
            ("retries", self.retries),
        ];
        limits.into_iter().filter_map(|(name, reached)| reached.then_some(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { open_for: Duration::from_secs(10), has_probe: false, forced: false };

    fn sample(healthy: u32, endpoints: u32, ejections: u64) -> Sample {
        Sample { endpoints, healthy, ejections, ..Sample::default() }
    }

    /// What is seen at each time: state, since when, and change.
    fn story<const N: usize>(
        terms: &Terms,
        samples: [(u64, Sample); N],
    ) -> [(State, u64, Option<Change>); N] {
        let mut before = None;
        samples.map(|(now, sample)| {
            let (breaker, change) = Breaker::seen(before.as_ref(), sample, terms, now);
            before = Some(breaker);
            (breaker.state(terms, now), breaker.since, change)
        })
    }

    #[test]
    fn it_is_open_when_all_endpoints_are_out_and_partly_open_when_some_are() {
        let samples = [
            (100, sample(2, 2, 0)),
            (105, sample(1, 2, 1)),
            (110, sample(0, 2, 2)),
            (115, sample(0, 2, 2)),
            (120, sample(1, 2, 2)),
            (125, sample(2, 2, 2)),
        ];
        let expected = [
            (State::Closed, 100, None),
            (State::PartlyOpen, 105, None),
            (State::Open, 110, Some(Change::Opened)),
            (State::Open, 110, None),
            (State::PartlyOpen, 120, Some(Change::Closed)),
            (State::Closed, 125, None),
        ];
        assert_eq!(story(&TERMS, samples), expected);
    }

    #[test]
    fn one_that_closed_and_opened_unseen_is_open_since_the_second_time() {
        let samples = [(100, sample(0, 1, 1)), (105, sample(0, 1, 1)), (110, sample(0, 1, 2))];
        let expected = [
            (State::Open, 100, Some(Change::Opened)),
            (State::Open, 100, None),
            (State::Open, 110, Some(Change::Opened)),
        ];
        assert_eq!(story(&TERMS, samples), expected);
    }

    #[test]
    fn counts_that_begin_anew_are_no_opening() {
        let samples = [(100, sample(0, 1, 7)), (105, sample(0, 1, 0))];
        assert_eq!(story(&TERMS, samples)[1], (State::Open, 100, None));
    }

    #[test]
    fn an_upstream_without_endpoints_is_not_open() {
        assert_eq!(story(&TERMS, [(100, sample(0, 0, 0))]), [(State::Closed, 100, None)]);
        // Two gauges of different moments.
        assert_eq!(story(&TERMS, [(100, sample(2, 1, 0))]), [(State::Closed, 100, None)]);
    }

    #[test]
    fn with_a_probe_it_is_half_open_once_its_time_is_over() {
        let with_probe = Terms { has_probe: true, ..TERMS };
        let samples = [(100, sample(0, 1, 1)), (109, sample(0, 1, 1)), (110, sample(0, 1, 1))];
        let expected = [
            (State::Open, 100, Some(Change::Opened)),
            (State::Open, 100, None),
            (State::HalfOpen, 100, None),
        ];
        assert_eq!(story(&with_probe, samples), expected);
        assert_eq!(story(&TERMS, samples)[2].0, State::Open);
    }

    #[test]
    fn a_limit_of_zero_forces_it_open_and_no_probe_closes_it() {
        let forced = Terms { has_probe: true, forced: true, ..TERMS };
        let samples = [(100, sample(1, 1, 0)), (200, sample(1, 1, 0))];
        let expected = [(State::Open, 100, Some(Change::Opened)), (State::Open, 100, None)];
        assert_eq!(story(&forced, samples), expected);
    }

    #[test]
    fn a_limit_is_reached_in_any_state() {
        let reached = Reached { requests: true, retries: true, ..Reached::default() };
        let (breaker, _) = Breaker::seen(None, Sample { reached, ..sample(1, 1, 0) }, &TERMS, 1);
        assert_eq!(breaker.state(&TERMS, 1), State::Closed);
        assert_eq!(breaker.sample.reached.names(), ["requests", "retries"]);
    }
}
