//! Whether the store is asked at all: not while it is known to fail, so that no request waits for it in vain.

use std::time::{Duration, SystemTime};

/// So many failures in a row open the breaker.
const IN_A_ROW: u32 = 5;
/// How long it stays open at first, and at most. Each failed probe doubles the time.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(4);
/// For so long it must have been closed for the next time to be the shortest again: a store that comes and goes is left alone.
const CALM: Duration = Duration::from_secs(10);

/// A breaker: closed, open, and open with one question as a probe.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    back_off: Duration,
    closed: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    /// Nobody asks in this time; who comes first after it is the probe.
    Open {
        since: SystemTime,
        until: SystemTime,
    },
}

/// That the store may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Usual,
    /// The answer decides whether others may ask again.
    Probe,
}

/// What became of the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Opened,
    Closed,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self { state: State::Closed { failures: 0 }, back_off: SHORTEST, closed: None }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Leave to ask a question that takes so long at most; `None` while nobody is to ask.
    pub(super) fn leave(&mut self, now: SystemTime, timeout: Duration, random: u64) -> Option<Leave> {
        let State::Open { since, until } = self.state else { return Some(Leave::Usual) };
        // A clock that was set back ends the time, lest it last for ever.
        if (since..until).contains(&now) {
            return None;
        }
        // There is one probe at a time, and another if nobody hears of the end of this one: its client can go away.
        self.stay_open(now, timeout, random);
        Some(Leave::Probe)
    }

    /// A question was answered.
    pub(super) fn answered(&mut self, leave: Leave, now: SystemTime) -> Option<Turn> {
        match (self.state, leave) {
            (State::Closed { .. }, _) => {
                self.state = State::Closed { failures: 0 };
                None
            }
            // Asked before it opened: that some answers still come is no news.
            (State::Open { .. }, Leave::Usual) => None,
            (State::Open { .. }, Leave::Probe) => {
                self.state = State::Closed { failures: 0 };
                self.closed = Some(now);
                Some(Turn::Closed)
            }
        }
    }

    /// A question was not answered.
    pub(super) fn failed(&mut self, leave: Leave, now: SystemTime, random: u64) -> Option<Turn> {
        match (self.state, leave) {
            (State::Closed { failures }, _) if failures + 1 < IN_A_ROW => {
                self.state = State::Closed { failures: failures + 1 };
                None
            }
            (State::Closed { .. }, _) => {
                let is_calm = |closed| now.duration_since(closed).map_or(true, |calm| calm >= CALM);
                self.back_off = if self.closed.is_none_or(is_calm) { SHORTEST } else { self.longer() };
                self.stay_open(now, Duration::ZERO, random);
                Some(Turn::Opened)
            }
            (State::Open { .. }, Leave::Usual) => None,
            (State::Open { .. }, Leave::Probe) => {
                self.back_off = self.longer();
                self.stay_open(now, Duration::ZERO, random);
                None
            }
        }
    }

    fn longer(&self) -> Duration {
        (self.back_off * 2).min(LONGEST)
    }

    /// Stays open for so long and a back-off, of which a random half is left out: all workers of all Envoys lost the store together, and
    /// should not all come back together.
    fn stay_open(&mut self, now: SystemTime, timeout: Duration, random: u64) {
        let half = u64::try_from(self.back_off.as_millis() / 2).unwrap_or_default().max(1);
        let until = now + timeout + Duration::from_millis(half + random % half);
        self.state = State::Open { since: now, until };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Duration = Duration::from_millis(20);

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + Duration::from_millis(milliseconds)
    }

    /// A breaker that opened now.
    fn open(now: u64) -> Breaker {
        let mut breaker = Breaker::new();
        let turns: Vec<_> = (0..IN_A_ROW).filter_map(|_| breaker.failed(Leave::Usual, at(now), 0)).collect();
        assert_eq!(turns, [Turn::Opened]);
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let mut breaker = Breaker::new();
        for _ in 0..10 {
            for _ in 1..IN_A_ROW {
                assert_eq!(breaker.failed(Leave::Usual, at(0), 0), None);
            }
            assert_eq!(breaker.answered(Leave::Usual, at(0)), None);
        }
        assert_eq!(breaker.leave(at(0), TIMEOUT, 0), Some(Leave::Usual));
        assert!(!breaker.is_open() && open(0).is_open());
    }

    #[test]
    fn while_it_is_open_one_probe_at_a_time_asks_and_its_answer_closes_it() {
        let mut breaker = open(0);
        assert_eq!(breaker.leave(at(124), TIMEOUT, 0), None);
        assert_eq!(breaker.leave(at(125), TIMEOUT, 0), Some(Leave::Probe));
        assert_eq!(breaker.leave(at(125), TIMEOUT, 0), None);
        // Stragglers change nothing.
        assert_eq!(breaker.answered(Leave::Usual, at(126)), None);
        assert_eq!(breaker.failed(Leave::Usual, at(126), 0), None);
        assert_eq!(breaker.leave(at(126), TIMEOUT, 0), None);
        assert_eq!(breaker.answered(Leave::Probe, at(127)), Some(Turn::Closed));
        assert_eq!(breaker.leave(at(127), TIMEOUT, 0), Some(Leave::Usual));
    }

    #[test]
    fn a_probe_of_which_nobody_hears_is_followed_by_another_when_it_must_have_ended() {
        let mut breaker = open(0);
        assert_eq!(breaker.leave(at(125), TIMEOUT, 0), Some(Leave::Probe));
        assert_eq!(breaker.leave(at(269), TIMEOUT, 0), None);
        assert_eq!(breaker.leave(at(270), TIMEOUT, 0), Some(Leave::Probe));
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        assert_eq!(open(1_000_000).leave(at(0), TIMEOUT, 0), Some(Leave::Probe));
    }

    /// When probes are sent that all fail at once, in milliseconds since it opened.
    fn probes(breaker: &mut Breaker, now: u64, random: u64) -> Vec<u64> {
        let sent = (now..now + 20_000).filter(|now| match breaker.leave(at(*now), TIMEOUT, random) {
            Some(leave) => breaker.failed(leave, at(*now), random).is_none(),
            None => false,
        });
        sent.map(|sent| sent - now).collect()
    }

    #[test]
    fn each_failed_probe_doubles_the_time_to_the_next_up_to_a_longest() {
        assert_eq!(
            probes(&mut open(0), 0, 0),
            [125, 375, 875, 1875, 3875, 5875, 7875, 9875, 11875, 13875, 15875, 17875, 19875]
        );
        assert_eq!(
            probes(&mut open(0), 0, 124),
            [125, 499, 1123, 2247, 4371, 6495, 8619, 10743, 12867, 14991, 17115, 19239]
        );
    }

    #[test]
    fn a_store_that_comes_and_goes_is_left_alone_for_longer_and_one_that_stayed_is_not() {
        let again = |closed_for: u64| {
            let mut breaker = open(0);
            assert_eq!(breaker.leave(at(200), TIMEOUT, 0), Some(Leave::Probe));
            assert_eq!(breaker.answered(Leave::Probe, at(200)), Some(Turn::Closed));
            let now = 200 + closed_for;
            assert!((0..IN_A_ROW).any(|_| breaker.failed(Leave::Usual, at(now), 0).is_some()));
            probes(&mut breaker, now, 0)[0]
        };
        assert_eq!((again(9_999), again(10_000)), (250, 125));
    }

    proptest! {
        /// Whatever happens: with a store that answers again, somebody may ask again soon, and then everybody.
        #[test]
        fn it_never_stays_open_once_the_store_answers(
            events in prop::collection::vec((0..3_000_u64, prop::bool::ANY, prop::bool::ANY, prop::num::u64::ANY), 0..60),
        ) {
            let (mut breaker, mut now) = (Breaker::new(), 0);
            for (later, is_heard, answers, random) in events {
                now += later;
                match breaker.leave(at(now), TIMEOUT, random) {
                    Some(leave) if is_heard && answers => { breaker.answered(leave, at(now)); }
                    Some(leave) if is_heard => { breaker.failed(leave, at(now), random); }
                    _ => {}
                }
            }
            let wait = u64::try_from((LONGEST + TIMEOUT).as_millis()).unwrap();
            let leave = breaker.leave(at(now + wait), TIMEOUT, 0);
            prop_assert!(leave.is_some());
            breaker.answered(leave.expect("leave"), at(now + wait));
            prop_assert!(!breaker.is_open());
            prop_assert_eq!(breaker.leave(at(now + wait), TIMEOUT, 0), Some(Leave::Usual));
        }
    }
}
