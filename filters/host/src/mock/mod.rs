//! Envoy's stand-in for unit tests: it remembers what a filter did and answers what a test told it.

mod shared;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{
    Call, CallId, CallRefused, Counter, Gauge, Headers, Host, Level, Overtaken, Replacing, Reply,
    SharedValue, Side, SignatureCheck,
};

use self::shared::SharedData;

/// A call that a filter sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCall {
    /// Its id.
    pub id: CallId,
    /// Name of the cluster.
    pub cluster: String,
    /// `:method`.
    pub method: String,
    /// `:authority`.
    pub authority: String,
    /// `:path`.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Longest wait.
    pub timeout: Duration,
}

/// What a host says of signatures.
type Verifier = Box<dyn Fn(&SignatureCheck<'_>) -> Option<bool>>;

/// A host in memory. Like Envoy's it is shared, so every method takes `&self`.
pub struct MockHost {
    now: Cell<SystemTime>,
    clock_step: Cell<Duration>,
    properties: RefCell<HashMap<Vec<String>, Vec<u8>>>,
    request: RefCell<Vec<(String, Vec<u8>)>>,
    response: RefCell<Vec<(String, Vec<u8>)>>,
    body: RefCell<Vec<u8>>,
    refuse_calls: Cell<bool>,
    next_call: Cell<u32>,
    calls: RefCell<Vec<SentCall>>,
    resumed: RefCell<Vec<Side>>,
    reply: RefCell<Option<Reply>>,
    log: RefCell<Vec<String>>,
    counter_names: RefCell<Vec<String>>,
    counts: RefCell<BTreeMap<String, u64>>,
    verifier: RefCell<Option<Verifier>>,
    gauges: RefCell<Vec<(String, u64)>>,
    tick: Cell<Option<Duration>>,
    random: Cell<u64>,
    shared: Rc<SharedData>,
}

impl Default for MockHost {
    fn default() -> Self {
        Self {
            // 2025-01-01: after anything that a test calls the past.
            now: Cell::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600)),
            clock_step: Cell::default(),
            properties: RefCell::default(),
            request: RefCell::default(),
            response: RefCell::default(),
            body: RefCell::default(),
            refuse_calls: Cell::default(),
            next_call: Cell::default(),
            calls: RefCell::default(),
            resumed: RefCell::default(),
            reply: RefCell::default(),
            log: RefCell::default(),
            counter_names: RefCell::default(),
            counts: RefCell::default(),
            verifier: RefCell::default(),
            gauges: RefCell::default(),
            tick: Cell::default(),
            random: Cell::default(),
            shared: Rc::default(),
        }
    }
}

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

    fn side(&self, side: Side) -> &RefCell<Vec<(String, Vec<u8>)>> {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        }
    }
}

impl Host for MockHost {
    fn now(&self) -> SystemTime {
        self.now.replace(self.now.get() + self.clock_step.get())
    }

    fn log(&self, _level: Level, message: &str) {
        self.log.borrow_mut().push(message.to_owned());
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.properties.borrow().get(&path).cloned()
    }

    fn set_filter_state(&self, key: &str, value: &[u8]) {
        self.set_property(&[key], value);
    }

    fn headers(&self, side: Side) -> Headers {
        self.side(side).borrow().iter().map(|(name, value)| (name, value)).collect()
    }

    fn set_header(&self, side: Side, name: &str, value: &[u8]) {
        self.remove_header(side, name);
        self.add_header(side, name, value);
    }

    fn add_header(&self, side: Side, name: &str, value: &[u8]) {
        self.side(side).borrow_mut().push((name.to_owned(), value.to_vec()));
    }

    fn remove_header(&self, side: Side, name: &str) {
        self.side(side).borrow_mut().retain(|(key, _)| key != name);
    }

    fn body(&self, _side: Side, length: usize) -> Vec<u8> {
        let mut body = self.body.borrow().clone();
        body.truncate(length);
        body
    }

    fn call(&self, call: &Call<'_>) -> Result<CallId, CallRefused> {
        if self.refuse_calls.get() {
            return Err(CallRefused);
        }
        let id = CallId(self.next_call.replace(self.next_call.get() + 1));
        self.calls.borrow_mut().push(SentCall {
            id,
            cluster: call.cluster.to_owned(),
            method: call.method.to_owned(),
            authority: call.authority.to_owned(),
            path: call.path.to_owned(),
            headers: call.headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: call.body.to_vec(),
            timeout: call.timeout,
        });
        Ok(id)
    }

    fn resume(&self, side: Side) {
        self.resumed.borrow_mut().push(side);
    }

    fn reply(&self, reply: Reply) {
        self.reply.borrow_mut().get_or_insert(reply);
    }

    fn counter(&self, name: &str) -> Counter {
        let mut names = self.counter_names.borrow_mut();
        let position = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        Counter(u32::try_from(position).unwrap_or_default())
    }

    fn count(&self, counter: Counter) {
        let index = usize::try_from(counter.0).unwrap_or_default();
        if let Some(name) = self.counter_names.borrow().get(index) {
            *self.counts.borrow_mut().entry(name.clone()).or_default() += 1;
        }
    }

    fn gauge(&self, name: &str) -> Gauge {
        let mut gauges = self.gauges.borrow_mut();
        let position = gauges.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            gauges.push((name.to_owned(), 0));
            gauges.len() - 1
        });
        Gauge(u32::try_from(position).unwrap_or_default())
    }

    fn set_gauge(&self, gauge: Gauge, value: u64) {
        let index = usize::try_from(gauge.0).unwrap_or_default();
        if let Some((_, stands)) = self.gauges.borrow_mut().get_mut(index) {
            *stands = value;
        }
    }

    fn set_tick(&self, period: Duration) {
        self.tick.set(Some(period));
    }

    fn random(&self) -> u64 {
        self.random.get()
    }

    fn shared(&self, key: &str) -> Option<SharedValue> {
        self.shared.get(key)
    }

    fn set_shared(&self, key: &str, bytes: &[u8], replacing: Replacing) -> Result<(), Overtaken> {
        self.shared.set(key, bytes, replacing)
    }

    fn memory(&self) -> usize {
        65_536
    }

    fn verify_signature(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        self.verifier.borrow().as_ref()?(check)
    }
}
