//! Upstreams: HTTP servers inside the testing process that count what reaches them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse as _, Response},
};
use tokio::{net::TcpListener, runtime::Runtime, time::sleep};

use crate::{Error, ports::Port, wait::PAUSE};

/// Largest request body that an upstream takes, in bytes.
const MAX_BODY: usize = 8 << 20;

/// A running upstream.
///
/// It answers every path with 200 and, as JSON, what it received: `upstream`, `method`, `path`, `query`, `headers` (a
/// list of pairs) and `body_bytes`. [`Upstream::answer`] sets something else for a path.
pub struct Upstream {
    name: String,
    port: Port,
    state: Arc<Mutex<Desk>>,
    // A thread of its own: a test that keeps its runtime busy must not make an upstream slow.
    runtime: Option<Runtime>,
}

/// How an upstream treats requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It answers.
    #[default]
    Answer,
    /// It answers everything with this status.
    Fail(StatusCode),
    /// It answers after this time.
    Slow(Duration),
}

/// What an upstream answers on a path.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Headers to add.
    pub headers: HeaderMap,
    /// The body; `None` for what was received, as JSON.
    pub body: Option<Bytes>,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: None }
    }
}

impl Answer {
    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }
}

/// A request as it reached an upstream.
#[derive(Debug, Clone)]
pub struct Received {
    /// The version of HTTP.
    pub version: Version,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path_and_query: String,
    /// All headers.
    pub headers: HeaderMap,
}

/// What the test and the server share.
#[derive(Default)]
struct Desk {
    name: String,
    behaviour: Behaviour,
    answers: HashMap<String, Answer>,
    held: HashSet<String>,
    counts: HashMap<String, u64>,
    last: Option<Received>,
}

impl Upstream {
    /// Starts an upstream on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start_new(name: &str) -> Result<Self, Error> {
        let desk = Desk { name: name.to_owned(), ..Desk::default() };
        let state = Arc::new(Mutex::new(desk));
        let mut this = Self { name: name.to_owned(), port: Port::free()?, state, runtime: None };
        this.open()?;
        Ok(this)
    }

    /// Listens again after [`Upstream::close`], on the same port.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn open(&mut self) -> Result<(), Error> {
        if self.runtime.is_some() {
            return Ok(());
        }
        let doing = || format!("starting upstream {}", self.name);
        let listener = std::net::TcpListener::bind(self.port.address()).map_err(Error::io(doing()))?;
        listener.set_nonblocking(true).map_err(Error::io(doing()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::io(doing()))?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener).map_err(Error::io(doing()))?
        };
        let router = Router::new().fallback(serve).with_state(Arc::clone(&self.state));
        runtime.spawn(async move { axum::serve(listener, router).await });
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Closes the port and every connection, as a crash would.
    pub fn close(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for a runtime is not allowed inside another one, which is where tests are.
            let closed = thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5))).join();
            if closed.is_err() {
                eprintln!("testbed: upstream {} could not be closed", self.name);
            }
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// What switches and counts this upstream, also from another thread.
    #[must_use]
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.state))
    }

    /// See [`Control::behave`].
    pub fn behave(&self, behaviour: Behaviour) {
        self.control().behave(behaviour);
    }

    /// Sets what a path (without query) answers from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        lock(&self.state).answers.insert(path.to_owned(), answer);
    }

    /// Answers no request for a path (without query) until [`Upstream::release`].
    pub fn hold(&self, path: &str) {
        lock(&self.state).held.insert(path.to_owned());
    }

    /// Answers those that it held.
    pub fn release(&self, path: &str) {
        lock(&self.state).held.remove(path);
    }

    /// See [`Control::requests`].
    #[must_use]
    pub fn requests(&self, path: &str) -> u64 {
        self.control().requests(path)
    }

    /// The last request that came, whatever its path.
    #[must_use]
    pub fn last(&self) -> Option<Received> {
        lock(&self.state).last.clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.close();
    }
}

/// Switches and counts an upstream.
#[derive(Clone)]
pub struct Control(Arc<Mutex<Desk>>);

impl Control {
    /// Sets how requests are treated from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.0).behaviour = behaviour;
    }

    /// How many requests came for a path (without query), whatever they were answered.
    #[must_use]
    pub fn requests(&self, path: &str) -> u64 {
        lock(&self.0).counts.get(path).copied().unwrap_or(0)
    }

    /// How many requests came.
    #[must_use]
    pub fn all_requests(&self) -> u64 {
        lock(&self.0).counts.values().sum()
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(State(desk): State<Arc<Mutex<Desk>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let (name, behaviour, answer) = {
        let mut desk = lock(&desk);
        *desk.counts.entry(path.clone()).or_default() += 1;
        desk.last = Some(Received {
            version: head.version,
            method: head.method.to_string(),
            path_and_query: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: head.headers.clone(),
        });
        (desk.name.clone(), desk.behaviour, desk.answers.get(&path).cloned().unwrap_or_default())
    };
    let body = match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    while lock(&desk).held.contains(&path) {
        sleep(PAUSE).await;
    }
    match behaviour {
        Behaviour::Answer => {}
        Behaviour::Fail(status) => return (status, format!("upstream {name} fails\n")).into_response(),
        Behaviour::Slow(time) => sleep(time).await,
    }
    let mut response = match answer.body {
        Some(body) => Response::new(body.into()),
        None => {
            let headers = head.headers.iter();
            let headers: Vec<_> =
                headers.map(|(k, v)| (k.as_str(), String::from_utf8_lossy(v.as_bytes()))).collect();
            let echo = serde_json::json!({
                "upstream": name, "method": head.method.as_str(), "path": path,
                "query": head.uri.query(), "headers": headers, "body_bytes": body.len(),
            });
            ([(header::CONTENT_TYPE, "application/json")], format!("{echo}\n")).into_response()
        }
    };
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        response.headers_mut().append(name, value.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upstream_echoes_counts_and_can_be_switched() {
        let mut upstream = Upstream::start_new("u").unwrap();
        let url = format!("http://127.0.0.1:{}/a?b=c", upstream.port());
        let client = crate::wait::client().unwrap();
        let get = async || client.get(&url).header("x-test", "1").send().await;

        let echo: serde_json::Value = get().await.unwrap().json().await.unwrap();
        assert_eq!((echo["path"].as_str(), echo["query"].as_str()), (Some("/a"), Some("b=c")));
        assert!(echo["headers"].as_array().unwrap().contains(&serde_json::json!(["x-test", "1"])), "{echo}");
        assert_eq!(upstream.last().unwrap().path_and_query, "/a?b=c");

        upstream
            .answer("/a", Answer { body: Some(Bytes::from("x")), ..Answer::default() }.header("age", "3"));
        let response = get().await.unwrap();
        assert_eq!(response.headers()["age"], "3");
        assert_eq!(response.text().await.unwrap(), "x");

        upstream.behave(Behaviour::Fail(StatusCode::BAD_GATEWAY));
        assert_eq!(get().await.unwrap().status(), 502);
        assert_eq!((upstream.requests("/a"), upstream.requests("/b")), (3, 0));

        upstream.close();
        assert!(get().await.is_err());
        upstream.open().unwrap();
        upstream.behave(Behaviour::Answer);
        assert_eq!(get().await.unwrap().status(), 200);
        assert_eq!(upstream.control().all_requests(), 4);
    }
}
