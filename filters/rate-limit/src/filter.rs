//! The shell between Envoy and the decision.

use std::{cell::RefCell, collections::HashMap, io::Read, mem, rc::Rc};

use ferrox_host::{CallId, CallOutcome, Flow, Host, Plugin, Side, Stream};
use ferrox_policy::{
    parse_from,
    rate_limit::{Limit, RateLimitConfig, Stage},
    sidecar::{LimitCheck, LimitsRequest, LimitsResponse},
};

use crate::{
    answer,
    client::Client,
    decision::{self, StoreFailure, Verdict},
    holds, keys,
    known::{self, KnownOver},
    leases::Leases,
    local::LocalCounts,
    rules::{Found, RuleBook, Rules},
    stats::{Event, Stats},
    store::{Asked, Store},
    under_way::{self, Known, UnderWay},
};

mod leasing;
#[cfg(test)]
mod tests;

/// The rate-limit filter with one configuration.
pub struct RateLimit(Rc<Limiter>);

struct Limiter {
    stage: Stage,
    store: Store,
    rules: RuleBook,
    known: RefCell<KnownOver>,
    leases: RefCell<Leases>,
    /// Takes that are under way.
    takes: RefCell<HashMap<CallId, (Asked, LimitsRequest)>>,
    local: RefCell<LocalCounts>,
    stats: Rc<Stats>,
}

impl Plugin for RateLimit {
    type Stream = RateLimitStream;

    fn configure(host: &dyn Host, configuration: impl Read) -> Result<Self, String> {
        let config: RateLimitConfig = parse_from(configuration).map_err(|invalid| invalid.to_string())?;
        let stats = Rc::new(Stats::new(host, config.stage));
        let store = Store::new(config.sidecar, Rc::clone(&stats));
        host.set_tick(store.period());
        Ok(Self(Rc::new(Limiter {
            stage: config.stage,
            store,
            rules: RuleBook::new(config.stage, config.policies),
            known: RefCell::new(KnownOver::new(config.known_keys)),
            leases: RefCell::new(Leases::new(config.known_keys)),
            takes: RefCell::default(),
            local: RefCell::new(LocalCounts::new(config.local_keys)),
            stats,
        })))
    }

    fn open(&self) -> RateLimitStream {
        RateLimitStream { limiter: Rc::clone(&self.0), state: State::Idle, under_way: UnderWay::default() }
    }

    fn on_tick(&self, host: &dyn Host) {
        self.0.store.tick(host);
        self.0.lease(host);
    }

    fn on_call(&self, host: &dyn Host, call: CallId, outcome: CallOutcome) {
        self.0.store.on_call(host, call, &outcome);
        self.0.leased(host, call, &outcome);
    }
}

/// The filter's part in one request.
pub struct RateLimitStream {
    limiter: Rc<Limiter>,
    state: State,
    under_way: UnderWay,
}

/// Where a request is. It goes down this list, and may leave steps out.
enum State {
    /// Nothing was asked.
    Idle,
    /// The request is paused until this call ends.
    Waiting { asked: Asked, question: Question },
    /// The request passed; its response is to tell how the limits stand.
    Passed(Announcement),
    /// Nothing is left to do.
    Done,
}

/// What the store is asked about a request.
struct Question {
    rules: Rc<Rules>,
    /// A check for each of the rules' limits, in their order.
    request: LimitsRequest,
}

struct Announcement {
    rules: Rc<Rules>,
    /// The value of `ratelimit`; empty if nothing is known.
    state: String,
}

impl Stream for RateLimitStream {
    fn on_request_headers(&mut self, host: &dyn Host, _end_of_stream: bool) -> Flow {
        let question = match self.limiter.question(host) {
            Ok(Some(question)) => question,
            Ok(None) => return Flow::Continue,
            Err(Closed) => {
                self.state = State::Done;
                self.limiter.stats.count(host, Event::PolicyInvalid);
                self.limiter.note(host, Event::PolicyInvalid.name());
                host.reply(answer::unavailable());
                return Flow::Pause;
            }
        };
        if let Some(states) = self.limiter.covered(host, &question) {
            self.limiter.stats.leased(host);
            let response = LimitsResponse { allowed: true, limits: states };
            return self.conclude(host, &question.rules, decision::answered(&question.rules, response));
        }
        let known = self.limiter.known.borrow_mut().refused(host.now(), &question.request.limits);
        if let Some(states) = known {
            self.limiter.stats.denied_known(host);
            return self.conclude(host, &question.rules, decision::refused(&question.rules, states));
        }
        self.under_way = UnderWay::asked(&question.request);
        match self.limiter.store.ask(host, &question.request, question.rules.timeout) {
            Ok(asked) => {
                self.state = State::Waiting { asked, question };
                Flow::Pause
            }
            Err(failure) => {
                if failure == StoreFailure::NotAsked {
                    self.under_way.not_asked();
                }
                self.decide(host, &question, Err(failure))
            }
        }
    }

    fn on_call(&mut self, host: &dyn Host, call: CallId, outcome: CallOutcome) {
        match mem::replace(&mut self.state, State::Done) {
            State::Waiting { asked, question } if asked.call == call => {
                let answer = decision::read(&outcome, &question.request);
                self.limiter.store.answered(host, asked, answer.as_ref().err().copied());
                if let Ok(response) = &answer {
                    self.limiter.learn(asked, &question, response);
                }
                if self.decide(host, &question, answer) == Flow::Continue {
                    host.resume(Side::Request);
                }
            }
            other => self.state = other,
        }
    }

    /// Runs for local replies too, of this filter (which carries the headers already) and of others, and also while the
    /// call is under way (Envoy's stream time-outs). It ends this filter's part in any case: an answer after it
    /// must not lead to a second response.
    fn on_response_headers(&mut self, host: &dyn Host, _end_of_stream: bool) -> Flow {
        if let State::Passed(announcement) = mem::replace(&mut self.state, State::Done) {
            // Added and not set: the other stage has limits of its own.
            let policy = (answer::POLICY_HEADER, announcement.rules.announced.as_str());
            let state = (answer::STATE_HEADER, announcement.state.as_str());
            for (name, value) in [policy, state].into_iter().filter(|(_, value)| !value.is_empty()) {
                host.add_header(Side::Response, name, value.as_bytes());
            }
        }
        Flow::Continue
    }

    fn on_end(&mut self, host: &dyn Host) {
        self.limiter.end(host, &mem::take(&mut self.under_way));
    }
}

impl RateLimitStream {
    fn decide(
        &mut self,
        host: &dyn Host,
        question: &Question,
        answer: Result<LimitsResponse, StoreFailure>,
    ) -> Flow {
        if let Ok(response) = &answer {
            self.under_way.answered(response.allowed);
        }
        let verdict = self.limiter.verdict(host, question, answer);
        self.conclude(host, &question.rules, verdict)
    }

    fn conclude(
        &mut self,
        host: &dyn Host,
        rules: &Rc<Rules>,
        (verdict, event): (Verdict<'_>, Event),
    ) -> Flow {
        self.limiter.stats.count(host, event);
        self.limiter.note(host, &answer::outcome(event, &verdict));
        if let Verdict::Passed(counted) | Verdict::Exceeded(counted) = &verdict
            && answer::reported(counted).next().is_some()
        {
            self.limiter.stats.reported(host);
        }
        let reply = match verdict {
            Verdict::Passed(counted) => {
                let state = answer::state_value(&counted);
                self.state = State::Passed(Announcement { rules: Rc::clone(rules), state });
                return Flow::Continue;
            }
            Verdict::Exceeded(counted) => answer::exceeded(rules, &counted),
            Verdict::Unavailable => answer::unavailable(),
        };
        self.state = State::Done;
        host.reply(reply);
        Flow::Pause
    }
}

/// The route's policy is wrong, and without a policy nothing passes.
struct Closed;

impl Limiter {
    /// What to ask about a request; `None` where nothing limits it.
    fn question(&self, host: &dyn Host) -> Result<Option<Question>, Closed> {
        let Some(Found { rules, scope }) = self.rules.find(host).map_err(|_logged| Closed)? else {
            return Ok(None);
        };
        let client = Client::of(host);
        let Some(rules) = holds::for_client(&rules, &client) else { return Ok(None) };
        let check = |limit: &Limit| LimitCheck {
            algorithm: limit.algorithm,
            burst: limit.store_burst(),
            cost: limit.cost,
            report_only: limit.report_only,
            count_denied: limit.count_denied,
            lease: under_way::lease(host, limit.algorithm),
            ..LimitCheck::fixed_window(
                keys::of_limit(&scope, limit, &client),
                limit.requests,
                limit.window_seconds.saturating_mul(1_000),
            )
        };
        let request =
            LimitsRequest { limits: rules.limits.iter().map(check).collect(), ..LimitsRequest::default() };
        if client.is_unreadable() {
            self.stats.identity_unreadable(host);
        }
        Ok(Some(Question { rules, request }))
    }

    fn learn(&self, asked: Asked, question: &Question, response: &LimitsResponse) {
        let longest = if question.rules.are_leased() { known::LONGEST_LEASED } else { known::LONGEST };
        self.known.borrow_mut().learn(asked.at, &question.request.limits, response, longest);
    }

    /// For the access log.
    fn note(&self, host: &dyn Host, outcome: &str) {
        host.set_filter_state(self.stage.filter(), outcome.as_bytes());
    }

    /// A request ended, in whatever way.
    fn end(&self, host: &dyn Host, under_way: &UnderWay) {
        if under_way.checks().is_empty() {
            return;
        }
        self.local.borrow_mut().end(under_way.checks());
        match under_way.known() {
            Known::Counted => self.store.end(host, &under_way.ends()),
            Known::Nothing => self.store.end_later(host, &under_way.ends()),
            Known::NotCounted => {}
        }
    }

    fn verdict<'q>(
        &self,
        host: &dyn Host,
        question: &'q Question,
        answer: Result<LimitsResponse, StoreFailure>,
    ) -> (Verdict<'q>, Event) {
        match answer {
            Ok(response) => decision::answered(&question.rules, response),
            Err(_counted) => {
                let count = |checks: &[LimitCheck]| self.local.borrow_mut().count(host.now(), checks);
                decision::unanswered(&question.rules, &question.request, count)
            }
        }
    }
}
