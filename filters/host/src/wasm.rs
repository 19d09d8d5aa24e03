//! The way to Envoy: proxy-wasm's callbacks and host calls.

use std::{
    arch::wasm32::memory_size,
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read},
    rc::Rc,
    time::{Duration, SystemTime},
};

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, LogLevel, MapType, MetricType},
};

use crate::{
    Call, CallId, CallOutcome, CallRefused, Counter, Flow, Gauge, Headers, Host, Level, Overtaken, Plugin,
    Replacing, Reply, SharedValue, Side, SignatureCheck, Stream, signature,
};

/// Bytes of a page of a VM's memory (WebAssembly specification, section 4.2.8).
const PAGE: usize = 65_536;

/// Starts a plugin: what the module's `_initialize` does.
pub fn start<P: Plugin>() {
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::<P> { plugin: None }));
}

struct Root<P> {
    plugin: Option<Rc<P>>,
}

impl<P: Plugin> Context for Root<P> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        if let Some(plugin) = &self.plugin {
            plugin.on_call(&Envoy::default(), CallId(token), outcome(headers, body));
        }
    }
}

impl<P: Plugin> RootContext for Root<P> {
    fn on_configure(&mut self, size: usize) -> bool {
        let host = Envoy::default();
        match P::configure(&host, Configuration { read: 0, size }) {
            Ok(plugin) => {
                self.plugin = Some(Rc::new(plugin));
                true
            }
            Err(reason) => {
                host.log(Level::Error, &format!("configuration refused: {reason}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.on_tick(&Envoy::default());
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let plugin = self.plugin.as_ref()?;
        Some(Box::new(Http { stream: plugin.open(), host: Envoy::default() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The plugin's configuration, which Envoy holds: a part of it at a time is in the VM.
struct Configuration {
    read: usize,
    size: usize,
}

impl Read for Configuration {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(self.size - self.read);
        if length == 0 {
            return Ok(0);
        }
        let part = hostcalls::get_buffer(BufferType::PluginConfiguration, self.read, length);
        let part = part.map_err(|status| io::Error::other(format!("Envoy answered {status:?}")))?;
        let read = part.unwrap_or_default().as_slice().read(into)?;
        self.read += read;
        Ok(read)
    }
}

struct Http<S> {
    stream: S,
    host: Envoy,
}

impl<S: Stream> Context for Http<S> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        if self.host.replied.get() {
            return;
        }
        self.stream.on_call(&self.host, CallId(token), outcome(headers, body));
    }
}

fn outcome(header_count: usize, body_size: usize) -> CallOutcome {
    if header_count == 0 {
        return CallOutcome::Reset;
    }
    let headers = read_headers(MapType::HttpCallResponseHeaders);
    let status = headers.only(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    let body = match body_size {
        0 => None,
        size => hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten(),
    };
    match status {
        None => CallOutcome::Reset,
        Some(status) => CallOutcome::Answered { status, headers, body: body.unwrap_or_default() },
    }
}

impl<S: Stream> HttpContext for Http<S> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.request_action(|stream, host| stream.on_request_headers(host, end_of_stream))
    }

    // With `allow_on_headers_stop_iteration` Envoy brings the body while the headers are paused, and an answer of
    // Continue would let both go on, past a filter that has not decided yet.
    fn on_http_request_body(&mut self, _length: usize, _end_of_stream: bool) -> Action {
        self.request_rest()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.request_rest()
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        action(self.stream.on_response_headers(&self.host, end_of_stream))
    }

    fn on_http_response_body(&mut self, length: usize, end_of_stream: bool) -> Action {
        self.stream.on_response_body(&self.host, length, end_of_stream);
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.stream.on_response_trailers(&self.host);
        Action::Continue
    }

    // Envoy's last word on every stream, also on one that was reset.
    fn on_log(&mut self) {
        self.stream.on_end(&self.host);
    }
}

impl<S: Stream> Http<S> {
    fn request_action(&mut self, callback: impl FnOnce(&mut S, &Envoy) -> Flow) -> Action {
        let flow = callback(&mut self.stream, &self.host);
        // After a local reply the request must not go on, whatever the filter said.
        self.host.request_paused.set(self.host.replied.get() || flow == Flow::Pause);
        self.request_rest()
    }

    fn request_rest(&self) -> Action {
        if self.host.request_paused.get() { Action::Pause } else { Action::Continue }
    }
}

fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}

/// Envoy, as one stream (or the configuration) sees it.
#[derive(Default)]
struct Envoy {
    replied: Cell<bool>,
    request_paused: Cell<bool>,
}

fn header_map(side: Side) -> MapType {
    match side {
        Side::Request => MapType::HttpRequestHeaders,
        Side::Response => MapType::HttpResponseHeaders,
    }
}

fn read_headers(map: MapType) -> Headers {
    let pairs = hostcalls::get_map_bytes(map).unwrap_or_default();
    Headers::new(pairs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect())
}

// The results that are dropped below are those of calls that fail only where there is nothing left to do: a
// stream that is gone, a header map that is not there any more.
impl Host for Envoy {
    fn now(&self) -> SystemTime {
        hostcalls::get_current_time().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let _ = hostcalls::log(level, message);
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        hostcalls::get_property(path.to_vec()).ok().flatten()
    }

    fn set_filter_state(&self, key: &str, value: &[u8]) {
        if hostcalls::set_property(vec![key], Some(value)).is_err() {
            self.log(Level::Error, &format!("Envoy refused the filter state '{key}'"));
        }
    }

    fn headers(&self, side: Side) -> Headers {
        read_headers(header_map(side))
    }

    fn set_header(&self, side: Side, name: &str, value: &[u8]) {
        let _ = hostcalls::set_map_value_bytes(header_map(side), name, Some(value));
    }

    fn add_header(&self, side: Side, name: &str, value: &[u8]) {
        let _ = hostcalls::add_map_value_bytes(header_map(side), name, value);
    }

    fn remove_header(&self, side: Side, name: &str) {
        let _ = hostcalls::remove_map_value(header_map(side), name);
    }

    fn body(&self, side: Side, length: usize) -> Vec<u8> {
        let buffer = match side {
            Side::Request => BufferType::HttpRequestBody,
            Side::Response => BufferType::HttpResponseBody,
        };
        hostcalls::get_buffer(buffer, 0, length).ok().flatten().unwrap_or_default()
    }

    fn call(&self, call: &Call<'_>) -> Result<CallId, CallRefused> {
        let mut headers =
            vec![(":method", call.method), (":path", call.path), (":authority", call.authority)];
        headers.extend_from_slice(call.headers);
        let body = (!call.body.is_empty()).then_some(call.body);
        let timeout = call.timeout.max(Duration::from_millis(1));
        hostcalls::dispatch_http_call(call.cluster, headers, body, Vec::new(), timeout)
            .map(CallId)
            .map_err(|_| CallRefused)
    }

    fn resume(&self, side: Side) {
        let _ = match side {
            Side::Request => {
                self.request_paused.set(false);
                hostcalls::resume_http_request()
            }
            Side::Response => hostcalls::resume_http_response(),
        };
    }

    fn reply(&self, reply: Reply) {
        if self.replied.replace(true) {
            return;
        }
        let headers = reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = (!reply.body.is_empty()).then_some(reply.body.as_slice());
        let _ = hostcalls::send_http_response(u32::from(reply.status), headers, body);
    }

    fn counter(&self, name: &str) -> Counter {
        Counter(hostcalls::define_metric(MetricType::Counter, name).unwrap_or_default())
    }

    fn count(&self, counter: Counter) {
        let _ = hostcalls::increment_metric(counter.0, 1);
    }

    fn gauge(&self, name: &str) -> Gauge {
        Gauge(hostcalls::define_metric(MetricType::Gauge, name).unwrap_or_default())
    }

    fn set_gauge(&self, gauge: Gauge, value: u64) {
        let _ = hostcalls::record_metric(gauge.0, value);
    }

    fn set_tick(&self, period: Duration) {
        let _ = hostcalls::set_tick_period(period.max(Duration::from_millis(1)));
    }

    // The standard library seeds its hash maps from WASI's random source.
    fn random(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }

    // For shared data Envoy knows the two answers that the SDK knows, and no third.
    fn shared(&self, key: &str) -> Option<SharedValue> {
        match hostcalls::get_shared_data(key) {
            Ok((bytes, Some(cas))) => Some(SharedValue { bytes: bytes.unwrap_or_default(), cas }),
            _ => None,
        }
    }

    fn set_shared(&self, key: &str, bytes: &[u8], replacing: Replacing) -> Result<(), Overtaken> {
        let cas = Some(replacing.cas()).filter(|cas| *cas != 0);
        hostcalls::set_shared_data(key, Some(bytes), cas).map_err(|_| Overtaken)
    }

    fn memory(&self) -> usize {
        memory_size::<0>().saturating_mul(PAGE)
    }

    fn verify_signature(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        signature::verify(check)
    }
}
