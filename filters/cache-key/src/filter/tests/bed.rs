//! Envoy, upstream and sidecar around the filter, for its tests.

use std::collections::HashMap;

use ferrox_host::{CallOutcome, Flow, Headers, Host, Plugin, Reply, Side, Stream, mock::MockHost};
use ferrox_policy::{
    cache::FILTER,
    identity::{FILTER_STATE, Identity},
};

use crate::{CacheKey, CacheStream};

pub(super) type Pairs<'a> = &'a [(&'a str, &'a str)];

pub(super) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/p")];
pub(super) const HEAD: [(&str, &str); 4] =
    [(":method", "HEAD"), (":scheme", "https"), (":authority", "h"), (":path", "/p")];
pub(super) const FRESH: Pairs<'static> = &[(":status", "200"), ("cache-control", "max-age=60"), ("x-a", "1")];

/// Envoy, upstream and sidecar around the filter.
pub(super) struct Bed {
    pub(super) host: MockHost,
    pub(super) plugin: CacheKey,
    pub(super) policy: String,
    pub(super) identity: Option<Identity>,
    pub(super) entries: HashMap<String, Vec<u8>>,
    /// The status with which the sidecar answers every call, where it does not work.
    pub(super) sidecar_fails: Option<u16>,
}

/// What a client gets, and how it came to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// The filter's own reply, as Envoy passes it on.
    Reply(Reply),
    /// The upstream's answer, with this `cache-status`.
    Upstream(Vec<String>),
}

impl Got {
    pub(super) fn is_hit(&self) -> bool {
        matches!(self, Got::Reply(reply) if reply.status != 504)
    }

    pub(super) fn is_miss(&self) -> bool {
        self.cache_status() == "ferrox; fwd=miss"
    }

    pub(super) fn reply(self) -> Reply {
        match self {
            Got::Reply(reply) => reply,
            Got::Upstream(_) => panic!("from the upstream"),
        }
    }

    pub(super) fn cache_status(&self) -> String {
        match self {
            Got::Reply(reply) => header(reply, "cache-status").to_owned(),
            Got::Upstream(status) => status.join(", "),
        }
    }
}

pub(super) fn header<'r>(reply: &'r Reply, name: &str) -> &'r str {
    let mut values = reply.headers.iter().filter(|(key, _)| key == name);
    let value = values.next().map_or("", |(_, value)| value.as_str());
    assert_eq!(values.next(), None, "{name} twice");
    value
}

pub(super) fn bed(policy: &str) -> Bed {
    let host = MockHost::default();
    let plugin = CacheKey::configure(&host, &br#"{"sidecar":{"cluster":"sidecar"}}"#[..]).unwrap();
    let policy = policy.to_owned();
    Bed { host, plugin, policy, identity: None, entries: HashMap::new(), sidecar_fails: None }
}

pub(super) fn with<'a>(
    request: &[(&'a str, &'a str)],
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    [request, more].concat()
}

pub(super) fn person(name: &str) -> Option<Identity> {
    Some(Identity { issuer: Some("i".to_owned()), subject: Some(name.to_owned()), ..Identity::default() })
}

impl Bed {
    /// A stream whose request headers are there.
    pub(super) fn open(&self, request: Pairs<'_>) -> CacheStream {
        self.host.next_stream(request);
        self.host.set_route_metadata(FILTER, &[("digest", &self.policy), ("policy", &self.policy)]);
        self.host.set_property(&["xds", "route_name"], b"r");
        if let Some(identity) = &self.identity {
            self.host.set_filter_state(FILTER_STATE, &identity.to_json());
        }
        self.plugin.open()
    }

    /// Sends a request up to where its answer is due; the reply if the filter gave one.
    pub(super) fn ask(&mut self, request: Pairs<'_>) -> (CacheStream, Option<Reply>) {
        let mut stream = self.open(request);
        let flow = stream.on_request_headers(&self.host, true);
        let looked_up = self.serve_calls(&mut stream);
        match self.host.replied() {
            Some(reply) => {
                assert_eq!(flow, Flow::Pause);
                assert_eq!(self.host.take_resumed(), [], "nothing goes on after a reply");
                (stream, Some(reply))
            }
            None if looked_up => {
                assert_eq!((flow, self.host.take_resumed()), (Flow::Pause, vec![Side::Request]));
                (stream, None)
            }
            None => {
                assert_eq!((flow, self.host.take_resumed()), (Flow::Continue, vec![]));
                (stream, None)
            }
        }
    }

    /// Answers the calls under way; whether there were any.
    pub(super) fn serve_calls(&mut self, stream: &mut CacheStream) -> bool {
        let calls = self.host.take_calls();
        for call in &calls {
            let (status, body) = match (self.sidecar_fails, call.method.as_str()) {
                (Some(status), _) => (status, Vec::new()),
                (None, "GET") => match self.entries.get(&call.path) {
                    Some(entry) => (200, entry.clone()),
                    None => (404, Vec::new()),
                },
                (None, _) => {
                    self.entries.insert(call.path.clone(), call.body.clone());
                    (204, Vec::new())
                }
            };
            let answered = CallOutcome::Answered { status, headers: Headers::default(), body };
            stream.on_call(&self.host, call.id, answered);
        }
        !calls.is_empty()
    }

    /// Passes the head of an answer, and gives what it carries as `cache-status`.
    pub(super) fn answer_head(
        &self,
        stream: &mut CacheStream,
        head: Pairs<'_>,
        end_of_stream: bool,
    ) -> Vec<String> {
        self.host.set_response(head);
        assert_eq!(stream.on_response_headers(&self.host, end_of_stream), Flow::Continue);
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        self.host.headers(Side::Response).all("cache-status").map(text).collect()
    }

    pub(super) fn answer_chunk(&self, stream: &mut CacheStream, chunk: &str, end_of_stream: bool) {
        self.host.set_body(chunk.as_bytes());
        stream.on_response_body(&self.host, chunk.len(), end_of_stream);
    }

    /// Passes a reply of the filter through Envoy's response path, which takes and adds headers.
    pub(super) fn deliver(
        &self,
        stream: &mut CacheStream,
        reply: &Reply,
        added_by_envoy: Pairs<'_>,
    ) -> Reply {
        let status = reply.status.to_string();
        let lost: &[&str] = if reply.body.is_empty() { &["content-type", "content-length"] } else { &[] };
        let kept = reply.headers.iter().filter(|(name, _)| !lost.contains(&name.as_str()));
        let mut headers = vec![(":status", status.as_str())];
        headers.extend(kept.map(|(name, value)| (name.as_str(), value.as_str())));
        headers.extend(added_by_envoy);
        self.answer_head(stream, &headers, reply.body.is_empty());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let passed = self.host.headers(Side::Response);
        let headers =
            passed.iter().filter(|(name, _)| *name != b":status").map(|(n, v)| (text(n), text(v))).collect();
        Reply { headers, ..reply.clone() }
    }

    /// A whole exchange.
    pub(super) fn exchange(&mut self, request: Pairs<'_>, head: Pairs<'_>, body: &[&str]) -> Got {
        let (mut stream, reply) = self.ask(request);
        if let Some(reply) = reply {
            return Got::Reply(self.deliver(&mut stream, &reply, &[]));
        }
        let status = self.answer_head(&mut stream, head, body.is_empty());
        for (index, chunk) in body.iter().enumerate() {
            self.answer_chunk(&mut stream, chunk, index + 1 == body.len());
        }
        self.serve_calls(&mut stream);
        Got::Upstream(status)
    }

    pub(super) fn get(&mut self, more: Pairs<'_>) -> Got {
        self.exchange(&with(&GET, more), FRESH, &["hel", "lo"])
    }

    /// Whether this answer to a request can be had again from the cache.
    pub(super) fn is_stored(&mut self, request: Pairs<'_>, head: Pairs<'_>, body: &[&str]) -> bool {
        assert!(!self.exchange(request, head, body).is_hit(), "stored before");
        self.exchange(request, head, body).is_hit()
    }

    pub(super) fn counted(&self, name: &str) -> u64 {
        self.host.counted(&format!("ferrox.cache_key.{name}"))
    }
}
