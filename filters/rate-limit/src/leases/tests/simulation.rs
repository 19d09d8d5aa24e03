//! Several workers, a store, and between them a network that is late and loses things; workers die.

use std::collections::BTreeMap;

use ferrox_policy::sidecar::judge::Judge;
use proptest::prelude::*;

use super::{store::Count, *};

const SECOND: u64 = 1_000_000;

/// What happens next, so much later.
#[derive(Debug, Clone)]
struct Step {
    later: u64,
    worker: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Requests(u64),
    Tick,
    Death,
}

fn step() -> impl Strategy<Value = Step> {
    let later = prop_oneof![3 => 0..300_000_u64, 1 => 0..3 * SECOND, 1 => Just(0)];
    let what = prop_oneof![
        10 => (1..30_u64).prop_map(What::Requests),
        2 => (100..400_u64).prop_map(What::Requests),
        8 => Just(What::Tick),
        1 => Just(What::Death),
    ];
    (later, 0..3_usize, what).prop_map(|(later, worker, what)| Step { later, worker, what })
}

fn limit() -> impl Strategy<Value = LimitCheck> {
    use Algorithm::{FixedWindow, SlidingWindow, TokenBucket};
    let algorithm = prop::sample::select(vec![FixedWindow, SlidingWindow, TokenBucket]);
    // The sixteenths of the store here are whole.
    (algorithm, 16..400_u64, 60..4_000_u64, 16..400_u64).prop_map(|(algorithm, limit, window, burst)| {
        let burst = (algorithm == TokenBucket).then_some(burst - burst / 8);
        LimitCheck { algorithm, burst, ..LimitCheck::fixed_window("k", limit, window * 16) }
    })
}

/// How long a message is under way, in microseconds; `None`: it is lost.
fn network() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![12 => (0..60_000_u64).prop_map(Some), 1 => (0..2 * SECOND).prop_map(Some), 1 => Just(None)]
}

enum Message {
    Request(LimitCheck),
    Take(Taking),
    /// An answer, or that there is none.
    Taken(Taking, Option<LimitState>),
    Return(Vec<Return>),
}

/// Who takes, in which of its lives, and when it asked.
struct Taking {
    worker: usize,
    life: u64,
    asked: u64,
    request: LimitsRequest,
}

struct World {
    limit: LimitCheck,
    store: Count,
    /// Of the store's answers, as long as nothing came back: the judge knows of no such thing.
    judge: Option<Judge>,
    /// With how often each died.
    workers: Vec<(Leases, u64)>,
    network: Vec<Option<u64>>,
    messages: BTreeMap<(u64, u64), Message>,
    sent: u64,
    /// When requests passed, when tokens may have been lost, and when windows began.
    passed: Vec<u64>,
    lost: Vec<u64>,
    windows: Vec<u64>,
}

impl World {
    fn schedule(&mut self, time: u64, message: Message) {
        self.sent += 1;
        self.messages.insert((time, self.sent), message);
    }

    /// How long the next message takes.
    fn delay(&self) -> Option<u64> {
        self.network[self.sent as usize % self.network.len()]
    }

    fn act(&mut self, now: u64, worker: usize, what: &What) {
        match what {
            What::Requests(number) => (0..*number).for_each(|_| self.request(now, worker)),
            What::Tick => self.tick(now, worker),
            What::Death => {
                let (leases, deaths) = &mut self.workers[worker];
                (*leases, *deaths) = (Leases::new(10), *deaths + 1);
                self.lost.push(now);
            }
        }
    }

    fn request(&mut self, now: u64, worker: usize) {
        let check = self.limit.clone();
        let (leases, _) = &mut self.workers[worker];
        if leases.pass(at(now), std::slice::from_ref(&check)).is_some() {
            return self.passed.push(now);
        }
        leases.asked(at(now), &check);
        self.schedule(now, Message::Request(check));
    }

    fn tick(&mut self, now: u64, worker: usize) {
        let (leases, deaths) = &mut self.workers[worker];
        let (due, life) = (leases.tick(at(now)), *deaths);
        for request in due.takes {
            let taking = Taking { worker, life, asked: now, request };
            match self.delay() {
                Some(delay) => self.schedule(now + delay, Message::Take(taking)),
                None => self.schedule(now + SECOND, Message::Taken(taking, None)),
            }
        }
        if !due.returns.is_empty() {
            match self.delay() {
                Some(delay) => self.schedule(now + delay, Message::Return(due.returns)),
                None => self.lost.push(now),
            }
            self.sent += 1;
        }
    }

    fn arrive(&mut self, now: u64, message: Message) -> Result<(), TestCaseError> {
        match message {
            Message::Request(check) => self.decide(now, &check)?,
            Message::Take(taking) => {
                let state = self.count(now, &taking.request.limits[0])?;
                match self.delay() {
                    Some(delay) => self.schedule(now + delay, Message::Taken(taking, Some(state))),
                    None => {
                        self.lost.push(now);
                        self.schedule(now + SECOND, Message::Taken(taking, None));
                    }
                }
            }
            Message::Taken(taking, state) => {
                let (leases, deaths) = &mut self.workers[taking.worker];
                match state {
                    _ if *deaths != taking.life => self.lost.push(now),
                    Some(state) => {
                        let response = LimitsResponse { allowed: true, limits: vec![state] };
                        leases.took(at(taking.asked), &taking.request, &response);
                    }
                    None => leases.lost(at(now), &taking.request),
                }
            }
            Message::Return(returns) => {
                self.judge = None;
                returns.iter().for_each(|back| self.store.give_back(back));
            }
        }
        Ok(())
    }

    fn count(&mut self, now: u64, check: &LimitCheck) -> Result<LimitState, TestCaseError> {
        let state = self.store.decide(now, check);
        if let Some(judge) = &mut self.judge {
            judge.judge(now, check, &state).map_err(TestCaseError::fail)?;
        }
        match self.store {
            Count::Fixed { began, used } if used > 0 && self.windows.last() != Some(&began) => {
                self.windows.push(began);
            }
            _ => {}
        }
        Ok(state)
    }

    fn decide(&mut self, now: u64, check: &LimitCheck) -> Result<(), TestCaseError> {
        if self.count(now, check)?.allowed {
            self.passed.push(now);
            return Ok(());
        }
        let span = match check.algorithm {
            Algorithm::FixedWindow => now - self.windows.last().expect("a window"),
            Algorithm::SlidingWindow => check.window_ms * 1_000 / 16 * 17,
            // What is not used is gone with its time: how much depends on how long that goes on.
            _ => return Ok(()),
        };
        let within = |times: &[u64]| times.iter().filter(|time| **time + span >= now).count() as u64;
        let on_the_way: u64 = self.messages.values().map(given_back).sum();
        let most = (self.workers.len() as u64 + within(&self.lost)) * most_held(check) + on_the_way;
        let passed = within(&self.passed);
        prop_assert!(
            passed + most >= check.limit,
            "refused after {passed} with {most} held of {}",
            check.limit
        );
        Ok(())
    }

    fn check_held(&self) -> Result<(), TestCaseError> {
        for lease in self.workers.iter().flat_map(|(leases, _)| leases.keys.values()) {
            let held: u64 = lease.lots.iter().map(|lot| lot.tokens).sum();
            prop_assert!(held <= most_held(&self.limit), "{lease:?}");
        }
        Ok(())
    }

    fn check_passed(&mut self) -> Result<(), TestCaseError> {
        self.passed.sort_unstable();
        let window = self.limit.window_ms * 1_000;
        match self.limit.algorithm {
            Algorithm::FixedWindow => self.check_windows(window),
            Algorithm::SlidingWindow => {
                for (index, at) in self.passed.iter().enumerate() {
                    let first = self.passed.partition_point(|earlier| earlier + window <= *at);
                    let number = (index - first + 1) as u64;
                    prop_assert!(number <= self.limit.limit, "{number} of {} at {at}", self.limit.limit);
                }
                Ok(())
            }
            _ => self.check_bucket(window),
        }
    }

    fn check_windows(&self, window: u64) -> Result<(), TestCaseError> {
        let mut counts = vec![0; self.windows.len()];
        for at in &self.passed {
            let index = self.windows.partition_point(|began| began <= at) - 1;
            prop_assert!(*at < self.windows[index] + window, "{at} is in no window of {:?}", self.windows);
            counts[index] += 1;
        }
        prop_assert!(counts.iter().all(|count| *count <= self.limit.limit), "{counts:?}");
        Ok(())
    }

    /// The bucket of the policy, of which the store's is seven eighths.
    fn check_bucket(&self, window: u64) -> Result<(), TestCaseError> {
        let burst = (self.limit.burst.unwrap_or(0) + most_held(&self.limit)) as f64;
        let (mut level, mut last) = (burst, 0);
        for at in &self.passed {
            let grown = (at - last) as f64 * self.limit.limit as f64 / window as f64;
            (level, last) = ((level + grown).min(burst) - 1.0, *at);
            prop_assert!(level > -1e-3, "{level} at {at}");
        }
        Ok(())
    }
}

fn given_back(message: &Message) -> u64 {
    match message {
        Message::Return(returns) => returns.iter().map(|back| back.tokens).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whoever_dies_when_no_limit_is_exceeded_and_only_what_is_held_is_refused_too_early(
        limit in limit(),
        steps in prop::collection::vec(step(), 1..150),
        workers in 1..4_usize,
        network in prop::collection::vec(network(), 1..40),
    ) {
        let mut world = World {
            store: Count::new(limit.algorithm),
            judge: Some(Judge::default()),
            workers: (0..workers).map(|_| (Leases::new(10), 0)).collect(),
            network,
            limit,
            messages: BTreeMap::new(),
            sent: 0,
            passed: Vec::new(),
            lost: Vec::new(),
            windows: Vec::new(),
        };
        let mut now = SECOND;
        for step in &steps {
            now += step.later;
            while let Some(entry) = world.messages.first_entry().filter(|entry| entry.key().0 <= now) {
                let ((time, _), message) = entry.remove_entry();
                world.arrive(time, message)?;
                world.check_held()?;
            }
            world.act(now, step.worker % workers, &step.what);
        }
        world.check_passed()?;
    }
}
