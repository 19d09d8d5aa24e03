//! What a test has the host say, and asks it afterwards.

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use super::{MockHost, SentCall};
use crate::{Reply, Side, SignatureCheck};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn owned(pairs: Pairs<'_>) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

impl MockHost {
    /// A host with these request headers.
    #[must_use]
    pub fn with_request(headers: Pairs<'_>) -> Self {
        let host = Self::default();
        host.request.replace(owned(headers));
        host
    }

    /// The hosts of two VMs of one Envoy: they see the same shared data.
    #[must_use]
    pub fn two_vms() -> (Self, Self) {
        let one = Self::default();
        let other = Self { shared: Rc::clone(&one.shared), ..Self::default() };
        (one, other)
    }

    /// Has signatures verified so; a new host cannot.
    pub fn verify_signatures_by(&self, verifier: impl Fn(&SignatureCheck<'_>) -> Option<bool> + 'static) {
        self.verifier.replace(Some(Box::new(verifier)));
    }

    /// Begins a new stream on the same host: other request headers, nothing answered, no filter state.
    pub fn next_stream(&self, headers: Pairs<'_>) {
        self.request.replace(owned(headers));
        self.response.take();
        self.reply.take();
        self.resumed.take();
        self.properties.borrow_mut().retain(|path, _| path.len() > 1);
    }

    /// Gives the response headers.
    pub fn set_response(&self, headers: Pairs<'_>) {
        self.response.replace(owned(headers));
    }

    /// Adds a request header whose value is any bytes.
    pub fn add_raw_request_header(&self, name: &str, value: &[u8]) {
        self.request.borrow_mut().push((name.to_owned(), value.to_vec()));
    }

    /// Gives the next chunk of a body.
    pub fn set_body(&self, chunk: &[u8]) {
        self.body.replace(chunk.to_vec());
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by);
    }

    /// From now on the clock goes on by this much each time that it is read; at first it stands.
    pub fn set_clock_step(&self, step: Duration) {
        self.clock_step.set(step);
    }

    /// Sets the clock, in seconds since 1970.
    pub fn set_unix_time(&self, seconds: u64) {
        self.now.set(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }

    /// From now on every random number is this one; at first 0.
    pub fn set_random(&self, number: u64) {
        self.random.set(number);
    }

    /// The period of ticks, if any were asked for.
    #[must_use]
    pub fn tick(&self) -> Option<Duration> {
        self.tick.get()
    }

    /// The value of a gauge; `None` if there is none of that name.
    #[must_use]
    pub fn gauged(&self, name: &str) -> Option<u64> {
        self.gauges.borrow().iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Sets a property.
    pub fn set_property(&self, path: &[&str], value: &[u8]) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.properties.borrow_mut().insert(path, value.to_vec());
    }

    /// Sets strings in a namespace of the route's metadata.
    pub fn set_route_metadata(&self, namespace: &str, strings: Pairs<'_>) {
        for (key, value) in strings {
            self.set_property(
                &["xds", "route_metadata", "filter_metadata", namespace, key],
                value.as_bytes(),
            );
        }
    }

    /// From now on calls are refused at once, or not.
    pub fn refuse_calls(&self, refuse: bool) {
        self.refuse_calls.set(refuse);
    }

    /// The calls sent since this was last asked.
    pub fn take_calls(&self) -> Vec<SentCall> {
        self.calls.take()
    }

    /// What was resumed since this was last asked.
    pub fn take_resumed(&self) -> Vec<Side> {
        self.resumed.take()
    }

    /// The local reply, if one was sent.
    #[must_use]
    pub fn replied(&self) -> Option<Reply> {
        self.reply.borrow().clone()
    }

    /// The lines logged.
    #[must_use]
    pub fn logged(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// The value of a counter; 0 if it was never counted.
    #[must_use]
    pub fn counted(&self, name: &str) -> u64 {
        self.counts.borrow().get(name).copied().unwrap_or_default()
    }
}
