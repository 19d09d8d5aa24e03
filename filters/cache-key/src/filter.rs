//! The shell: carries a stream through look-up, serving and storing.

use std::{mem, rc::Rc};

use ferrox_host::{CallId, CallOutcome, Flow, Host, Level, Reply, Side, Stream};

use ferrox_policy::cache::FILTER;

use crate::{
    entry::{Entry, unix_ms},
    plan::{self, Plan},
    plugin::Shared,
    request::{LookUp, Use},
    response::{self, Head, Refusal, Terms},
    store::Found,
};

/// The filter's part in one request.
#[derive(Debug)]
pub struct CacheStream {
    shared: Rc<Shared>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing to do: the request has not come (and never will, if an earlier filter answers), has no policy, or is
    /// done with.
    Idle,
    /// The answer passes, marked as one that had nothing to do with the cache.
    Bypass,
    /// The request waits for the sidecar.
    LookingUp { call: CallId, terms: LookUp, plan: Plan },
    /// A hit: our own reply is on its way, with these stored headers.
    Serving(Vec<(String, String)>),
    /// The upstream was asked; its answer may be stored.
    Forwarded { cause: Cause, since_ms: u64, plan: Plan },
    /// The answer's body is being copied.
    Storing { entry: Entry, body_length: Option<usize>, plan: Plan },
    /// The entry was handed to the sidecar.
    Stored(CallId),
}

/// Why a request went to the upstream, as in `fwd` of `Cache-Status` (RFC 9211 section 2.2).
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// There was no entry to serve.
    Miss,
    /// The client did not want a stored answer, or none as old as the one there.
    Request,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Request => "request",
        }
    }
}

impl Stream for CacheStream {
    fn on_request_headers(&mut self, host: &dyn Host, end_of_stream: bool) -> Flow {
        let headers = host.headers(Side::Request);
        let policy = match self.shared.policy(host, &headers) {
            Ok(None) => return Flow::Continue,
            Ok(Some(policy)) => policy,
            Err(invalid) => {
                host.log(
                    Level::Error,
                    &format!("the route's policy cannot be used, the cache is bypassed: {invalid}"),
                );
                return self.bypass(host);
            }
        };
        match plan::plan(host, &headers, policy, end_of_stream) {
            None => self.bypass(host),
            Some((wanted, plan)) => self.begin(host, wanted, plan),
        }
    }

    fn on_call(&mut self, host: &dyn Host, answered: CallId, outcome: CallOutcome) {
        match mem::replace(&mut self.state, State::Idle) {
            State::LookingUp { call, terms, plan } if call == answered => {
                self.looked_up(host, terms, plan, outcome);
            }
            State::Stored(call) if call == answered => {
                if !self.shared.store.stored(host, &outcome) {
                    host.count(self.shared.counters.store_failed);
                }
            }
            other => self.state = other,
        }
    }

    fn on_response_headers(&mut self, host: &dyn Host, end_of_stream: bool) -> Flow {
        match mem::replace(&mut self.state, State::Idle) {
            State::Bypass => add_cache_status(host, "fwd=bypass"),
            State::Serving(stored) => restore(host, &stored),
            State::Forwarded { cause, since_ms, plan } => {
                self.answered(host, cause, since_ms, plan, end_of_stream);
            }
            // An answer that came while the request waited is Envoy's own (a time-out, say), and the request is over.
            State::LookingUp { .. } | State::Idle => {}
            // One answer was begun, so there is no other.
            State::Storing { .. } | State::Stored(_) => {}
        }
        Flow::Continue
    }

    fn on_response_body(&mut self, host: &dyn Host, length: usize, end_of_stream: bool) {
        let State::Storing { entry, body_length, plan } = &mut self.state else { return };
        let chunk = host.body(Side::Response, length);
        let room = body_length.unwrap_or(plan.policy.max_body_bytes).saturating_sub(entry.body.len());
        // A chunk that cannot be read would leave a hole.
        if chunk.len() != length || length > room {
            return self.give_up(host);
        }
        entry.body.extend_from_slice(&chunk);
        if end_of_stream {
            self.finish(host);
        }
    }

    fn on_response_trailers(&mut self, host: &dyn Host) {
        // An entry has no place for them, and without them the answer is not whole.
        if matches!(self.state, State::Storing { .. }) {
            self.give_up(host);
        }
    }
}

impl CacheStream {
    pub(crate) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, state: State::Idle }
    }

    fn bypass(&mut self, host: &dyn Host) -> Flow {
        host.count(self.shared.counters.bypass);
        self.state = State::Bypass;
        Flow::Continue
    }

    fn begin(&mut self, host: &dyn Host, wanted: Use, plan: Plan) -> Flow {
        match wanted {
            Use::Unsatisfiable => {
                host.count(self.shared.counters.bypass);
                self.refuse(host)
            }
            Use::Refresh => {
                host.count(self.shared.counters.bypass);
                self.forward(host, Cause::Request, plan)
            }
            Use::LookUp(terms) => match self.shared.store.get(host, &plan.key.digest()) {
                Ok(call) => {
                    self.state = State::LookingUp { call, terms, plan };
                    Flow::Pause
                }
                Err(_) => {
                    host.count(self.shared.counters.lookup_failed);
                    self.miss(host, Cause::Miss, terms, plan)
                }
            },
        }
    }

    fn looked_up(&mut self, host: &dyn Host, terms: LookUp, plan: Plan, outcome: CallOutcome) {
        let flow = match self.select(host, terms, &plan, outcome) {
            Ok(entry) => self.serve(host, entry),
            Err(cause) => self.miss(host, cause, terms, plan),
        };
        if flow == Flow::Continue {
            host.resume(Side::Request);
        }
    }

    /// The entry that answers the request, or why there is none.
    fn select(
        &self,
        host: &dyn Host,
        terms: LookUp,
        plan: &Plan,
        outcome: CallOutcome,
    ) -> Result<Entry, Cause> {
        let counters = &self.shared.counters;
        let bytes = match self.shared.store.found(host, outcome) {
            Found::Bytes(bytes) => bytes,
            Found::Nothing => return Err(Cause::Miss),
            Found::Failed => {
                host.count(counters.lookup_failed);
                return Err(Cause::Miss);
            }
        };
        let Some(entry) = Entry::decode(&bytes) else {
            host.count(counters.damaged);
            return Err(Cause::Miss);
        };
        let now_ms = unix_ms(host.now());
        if entry.key != plan.key.as_bytes() || entry.remaining_seconds(now_ms).is_none() {
            return Err(Cause::Miss);
        }
        if terms.max_age.is_some_and(|oldest| entry.age_seconds(now_ms) > oldest) {
            return Err(Cause::Request);
        }
        Ok(entry)
    }

    fn serve(&mut self, host: &dyn Host, entry: Entry) -> Flow {
        host.count(self.shared.counters.hit);
        let now_ms = unix_ms(host.now());
        let ttl = entry.remaining_seconds(now_ms).unwrap_or_default();
        let mut headers = entry.headers.clone();
        headers.push(("age".to_owned(), entry.age_seconds(now_ms).to_string()));
        let outcome = format!("hit; ttl={ttl}");
        headers.push(("cache-status".to_owned(), format!("ferrox; {outcome}")));
        note(host, &outcome);
        self.state = State::Serving(entry.headers);
        host.reply(Reply { status: entry.status, headers, body: entry.body });
        Flow::Pause
    }

    fn miss(&mut self, host: &dyn Host, cause: Cause, terms: LookUp, plan: Plan) -> Flow {
        host.count(self.shared.counters.miss);
        if terms.only_if_cached { self.refuse(host) } else { self.forward(host, cause, plan) }
    }

    fn forward(&mut self, host: &dyn Host, cause: Cause, plan: Plan) -> Flow {
        self.state = State::Forwarded { cause, since_ms: unix_ms(host.now()), plan };
        Flow::Continue
    }

    /// RFC 9111 section 5.2.1.7.
    fn refuse(&mut self, host: &dyn Host) -> Flow {
        self.state = State::Idle;
        note(host, "only-if-cached");
        host.reply(Reply { status: 504, headers: Vec::new(), body: b"not in the cache\n".to_vec() });
        Flow::Pause
    }

    fn answered(&mut self, host: &dyn Host, cause: Cause, since_ms: u64, plan: Plan, end_of_stream: bool) {
        let terms =
            Terms { policy: &plan.policy, method: plan.method, needs_permission: plan.needs_permission };
        let judged = response::judge(&host.headers(Side::Response), &terms);
        add_cache_status(host, &cache_status(cause, judged.as_ref().err()));
        let Ok(head) = judged else { return self.give_up(host) };
        let Head { status, lifetime_seconds, age_seconds, headers, body_length } = head;
        let now_ms = unix_ms(host.now());
        let entry = Entry {
            key: plan.key.as_bytes().to_vec(),
            stored_at_ms: now_ms,
            // The answer aged on its way to here, by the whole round trip at most.
            initial_age_ms: (age_seconds * 1000).saturating_add(now_ms.saturating_sub(since_ms)),
            lifetime_seconds,
            status,
            headers,
            body: Vec::new(),
        };
        self.state = State::Storing { entry, body_length, plan };
        if end_of_stream {
            self.finish(host);
        }
    }

    fn give_up(&mut self, host: &dyn Host) {
        self.state = State::Idle;
        host.count(self.shared.counters.not_stored);
    }

    /// The answer has come to its end.
    fn finish(&mut self, host: &dyn Host) {
        let State::Storing { entry, body_length, plan } = mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let whole = body_length.is_none_or(|length| length == entry.body.len());
        let Some(ttl) = entry.remaining_seconds(unix_ms(host.now())).filter(|_| whole) else {
            return self.give_up(host);
        };
        match self.shared.store.put(host, &plan.key.digest(), &entry.encode(), ttl) {
            Ok(call) => {
                host.count(self.shared.counters.stored);
                self.state = State::Stored(call);
            }
            Err(_) => host.count(self.shared.counters.store_failed),
        }
    }
}

/// Says why the answer came from the upstream, and what keeps it from being stored. It never claims `stored` (RFC 9211
/// section 2.5): when the headers pass, nobody knows yet whether the body will be whole and the sidecar
/// take it.
fn cache_status(cause: Cause, refusal: Option<&Refusal>) -> String {
    let fwd = cause.as_str();
    match refusal {
        None => format!("fwd={fwd}"),
        Some(refusal) => format!("fwd={fwd}; detail={}", refusal.detail()),
    }
}

/// Caches nearer to the upstream have their members before ours (RFC 9211 section 2).
fn add_cache_status(host: &dyn Host, parameters: &str) {
    host.add_header(Side::Response, "cache-status", format!("ferrox; {parameters}").as_bytes());
    note(host, parameters);
}

/// For the access log.
fn note(host: &dyn Host, outcome: &str) {
    host.set_filter_state(FILTER, outcome.as_bytes());
}

/// Undoes what Envoy did to the headers of our reply: a local reply without a body loses `Content-Type` and
/// `Content-Length`, which the answer to a HEAD needs, and the route's `response_headers_to_add` come again
/// although they were stored.
fn restore(host: &dyn Host, stored: &[(String, String)]) {
    let current = host.headers(Side::Response);
    for (name, _) in stored {
        let values = || stored.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_bytes());
        if !current.all(name).eq(values()) {
            host.remove_header(Side::Response, name);
            values().for_each(|value| host.add_header(Side::Response, name, value));
        }
    }
}

#[cfg(test)]
mod tests;
