//! Envoy's stand-in for unit tests: it remembers what a filter did and answers what a test told it.

mod host;
mod shared;
mod stage;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
    time::{Duration, SystemTime},
};

use self::shared::SharedData;
use crate::{CallId, Reply, Side, SignatureCheck};

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
