//! The shell between Envoy and the decision.

use std::{cell::RefCell, io::Read, mem, rc::Rc, time::Duration};

use ferrox_host::{Call, CallId, CallOutcome, CallRefused, Flow, Host, Plugin, Side, Stream};
use ferrox_policy::{
    parse_from,
    rate_limit::{Limit, RateLimitConfig, Stage},
    sidecar::{LIMITS_PATH, LimitCheck, LimitsRequest, LimitsResponse, Sidecar},
};

use crate::{
    answer,
    decision::{self, StoreFailure, Verdict},
    keys::{self, Client},
    local::LocalCounts,
    rules::{Found, RuleBook, Rules},
    stats::{Event, Stats},
};

#[cfg(test)]
mod tests;

/// The rate-limit filter with one configuration.
pub struct RateLimit(Rc<Limiter>);

struct Limiter {
    stage: Stage,
    sidecar: Sidecar,
    rules: RuleBook,
    local: RefCell<LocalCounts>,
    stats: Stats,
}

impl Plugin for RateLimit {
    type Stream = RateLimitStream;

    fn configure(host: &dyn Host, configuration: impl Read) -> Result<Self, String> {
        let config: RateLimitConfig = parse_from(configuration).map_err(|invalid| invalid.to_string())?;
        Ok(Self(Rc::new(Limiter {
            stage: config.stage,
            sidecar: config.sidecar,
            rules: RuleBook::new(config.stage, config.policies),
            local: RefCell::new(LocalCounts::new(config.local_keys)),
            stats: Stats::new(host, config.stage),
        })))
    }

    fn open(&self) -> RateLimitStream {
        RateLimitStream { limiter: Rc::clone(&self.0), state: State::Idle }
    }
}

/// The filter's part in one request.
pub struct RateLimitStream {
    limiter: Rc<Limiter>,
    state: State,
}

/// Where a request is. It goes down this list, and may leave steps out.
enum State {
    /// Nothing was asked.
    Idle,
    /// The request is paused until this call ends.
    Waiting { call: CallId, question: Question },
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
        match self.limiter.ask(host, &question) {
            Ok(call) => {
                self.state = State::Waiting { call, question };
                Flow::Pause
            }
            Err(CallRefused) => self.decide(host, &question, Err(StoreFailure::Refused)),
        }
    }

    fn on_call(&mut self, host: &dyn Host, call: CallId, outcome: CallOutcome) {
        match mem::replace(&mut self.state, State::Done) {
            State::Waiting { call: awaited, question } if awaited == call => {
                let answer = decision::read(&outcome, question.request.limits.len());
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
            host.add_header(Side::Response, answer::POLICY_HEADER, announcement.rules.announced.as_bytes());
            if !announcement.state.is_empty() {
                host.add_header(Side::Response, answer::STATE_HEADER, announcement.state.as_bytes());
            }
        }
        Flow::Continue
    }
}

impl RateLimitStream {
    fn decide(
        &mut self,
        host: &dyn Host,
        question: &Question,
        answer: Result<LimitsResponse, StoreFailure>,
    ) -> Flow {
        let (verdict, event) = self.limiter.verdict(host, question, answer);
        self.limiter.stats.count(host, event);
        self.limiter.note(host, &answer::outcome(event, &verdict));
        let reply = match verdict {
            Verdict::Passed(counted) => {
                let state = answer::state_value(&counted);
                self.state = State::Passed(Announcement { rules: Rc::clone(&question.rules), state });
                return Flow::Continue;
            }
            Verdict::Exceeded(counted) => answer::exceeded(&question.rules, &counted),
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
        let client = Client::of(host, self.stage);
        if let Client::Unreadable(_) = client {
            self.stats.identity_unreadable(host);
        }
        let check = |limit: &Limit| {
            let window_ms = limit.window_seconds.saturating_mul(1_000);
            LimitCheck::fixed_window(keys::of_limit(&scope, limit, &client), limit.requests, window_ms)
        };
        let request =
            LimitsRequest { limits: rules.limits.iter().map(check).collect(), ..LimitsRequest::default() };
        Ok(Some(Question { rules, request }))
    }

    /// For the access log.
    fn note(&self, host: &dyn Host, outcome: &str) {
        host.set_filter_state(self.stage.filter(), outcome.as_bytes());
    }

    fn ask(&self, host: &dyn Host, question: &Question) -> Result<CallId, CallRefused> {
        host.call(&Call {
            cluster: &self.sidecar.cluster,
            method: "POST",
            authority: &self.sidecar.cluster,
            path: LIMITS_PATH,
            headers: &[("content-type", "application/json")],
            // A struct of strings and numbers always serializes.
            body: &serde_json::to_vec(&question.request).unwrap_or_default(),
            timeout: Duration::from_millis(u64::from(self.sidecar.timeout_ms)),
        })
    }

    fn verdict<'q>(
        &self,
        host: &dyn Host,
        question: &'q Question,
        answer: Result<LimitsResponse, StoreFailure>,
    ) -> (Verdict<'q>, Event) {
        match answer {
            Ok(response) => {
                self.stats.store_answered(host);
                decision::answered(&question.rules, response)
            }
            Err(failure) => {
                self.stats.store_failed(host, failure);
                let count = |checks: &[&LimitCheck]| self.local.borrow_mut().count(host.now(), checks);
                decision::unanswered(&question.rules, &question.request, count)
            }
        }
    }
}
