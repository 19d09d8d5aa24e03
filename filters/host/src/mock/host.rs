//! What a filter asks of the host.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use super::{MockHost, SentCall};
use crate::{
    Call, CallId, CallRefused, Counter, Gauge, Headers, Host, Level, Overtaken, Replacing, Reply,
    SharedValue, Side, SignatureCheck,
};

impl MockHost {
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
