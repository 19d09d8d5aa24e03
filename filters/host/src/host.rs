//! The host: Envoy as a filter sees it.

use std::time::{Duration, SystemTime};

use crate::{Call, CallId, CallRefused, Headers, Overtaken, Replacing, SharedValue};

/// Which of a stream's two messages is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// Importance of a line in Envoy's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something does not work, requests are still served by policy.
    Warn,
    /// Requests fail.
    Error,
}

/// An answer that the filter gives instead of the upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// `:status`.
    pub status: u16,
    /// Headers, names in lower case. The SDK takes values as text only.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A counter in Envoy's statistics, see [`Host::counter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counter(pub u32);

/// A gauge in Envoy's statistics, see [`Host::gauge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gauge(pub u32);

/// A signature to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureCheck<'a> {
    /// `sha256`, `sha384` or `sha512`.
    pub hash: &'a str,
    /// The key as a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1).
    pub public_key: &'a [u8],
    /// The signature: PKCS #1 v1.5 for an RSA key, in DER (RFC 3279 section 2.2.3) for one on an elliptic curve.
    pub signature: &'a [u8],
    /// What was signed.
    pub message: &'a [u8],
}

/// What a filter can ask of Envoy.
pub trait Host {
    /// The wall clock.
    fn now(&self) -> SystemTime;

    /// Writes a line to Envoy's log. Never pass it a secret.
    fn log(&self, level: Level, message: &str);

    /// A property of the stream, by its path. Ask for leaves.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// A value that an earlier filter set for this stream.
    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        self.property(&[key])
    }

    /// Sets a value that later filters of this stream and the access log can read. No client can reach it.
    fn set_filter_state(&self, key: &str, value: &[u8]);

    /// All headers of a message. Only inside the callback for that message's headers, or, for the request,
    /// while it is paused.
    fn headers(&self, side: Side) -> Headers;

    /// Replaces every value of a header by one.
    fn set_header(&self, side: Side, name: &str, value: &[u8]);

    /// Adds a value to a header.
    fn add_header(&self, side: Side, name: &str, value: &[u8]);

    /// Removes every value of a header.
    fn remove_header(&self, side: Side, name: &str);

    /// The chunk of a message's body that a body callback is about. Only inside that callback.
    fn body(&self, side: Side, length: usize) -> Vec<u8>;

    /// Sends a request to a cluster. When it is not refused, [`Stream::on_call`](crate::Stream::on_call) follows, unless the stream
    /// ends first; the call itself goes on even then. Of a call that is sent in [`Plugin::on_tick`](crate::Plugin::on_tick)
    /// it is [`Plugin::on_call`](crate::Plugin::on_call) that hears. Not while configuring.
    ///
    /// # Errors
    /// When Envoy refuses the call at once; no callback follows then.
    fn call(&self, call: &Call<'_>) -> Result<CallId, CallRefused>;

    /// Lets a paused message go on.
    fn resume(&self, side: Side);

    /// Answers the stream. Only the first answer counts; nothing of the request goes on after it.
    fn reply(&self, reply: Reply);

    /// Defines a counter, `wasmcustom.<name>` in Envoy's statistics. Only while configuring; no client input
    /// in the name, since names are never deleted.
    fn counter(&self, name: &str) -> Counter;

    /// Adds one to a counter.
    fn count(&self, counter: Counter);

    /// Defines a gauge, `wasmcustom.<name>` in Envoy's statistics, one for all VMs. Under the same terms as a counter.
    fn gauge(&self, name: &str) -> Gauge;

    /// Sets a gauge.
    fn set_gauge(&self, gauge: Gauge, value: u64);

    /// Has [`Plugin::on_tick`](crate::Plugin::on_tick) called from now on, a period after the last. Only while configuring.
    fn set_tick(&self, period: Duration);

    /// Bytes of memory that this VM has. It never has less again.
    fn memory(&self) -> usize;

    /// A number that nobody can foresee.
    fn random(&self) -> u64;

    /// A value that a VM of this Envoy shared, see [`SharedValue`].
    fn shared(&self, key: &str) -> Option<SharedValue>;

    /// Shares a value. The key stays for as long as Envoy runs: no client input in it.
    ///
    /// # Errors
    /// When what stands there is not what was to be replaced; nothing changes then.
    fn set_shared(&self, key: &str, bytes: &[u8], replacing: Replacing) -> Result<(), Overtaken>;

    /// Has Envoy's own cryptography verify a signature; `None` where it cannot. Not every build has it: try it with known
    /// answers before its word counts.
    fn verify_signature(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let _ = check;
        None
    }
}
