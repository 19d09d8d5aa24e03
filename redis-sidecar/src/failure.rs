//! Why a request was not served, and the status that says so.

use std::{error::Error, io, sync::Arc};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a request was not served. The message is the body of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The request breaks a rule of the contract.
    #[error("{0}")]
    Senseless(String),
    #[error("there is no such entry")]
    NoEntry,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not arrive in time")]
    SlowBody,
    /// Too many requests wait already.
    #[error("too many requests are waiting for Redis")]
    Shed,
    #[error(transparent)]
    Redis(#[from] RedisFailure),
}

impl Failure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Senseless(_) => StatusCode::BAD_REQUEST,
            Self::NoEntry => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Redis(RedisFailure::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::Shed | Self::Redis(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
    }
}

/// Why Redis was of no use. No message holds text from Redis or from the URL, either of which can hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedisFailure {
    #[error("Redis did not answer in time")]
    Timeout,
    #[error("Redis cannot be reached")]
    Unavailable,
    /// TLS was begun and failed, e.g. because no authority that is trusted signed the certificate. The reason is rustls's.
    #[error("Redis cannot be reached over TLS: {0}")]
    Tls(String),
    #[error("no Sentinel can be reached")]
    NoSentinel,
    #[error("the Sentinels know no primary of this name")]
    UnknownPrimary,
    #[error("a Sentinel does not accept the user or the password")]
    SentinelCredentials,
    #[error("Redis {0}")]
    Refused(Refusal),
}

impl RedisFailure {
    /// Whether a new connection may do better: to another server behind the same name, or as a user who is known.
    pub(crate) fn ends_the_connection(&self) -> bool {
        match self {
            Self::Timeout => false,
            Self::Unavailable
            | Self::Tls(_)
            | Self::NoSentinel
            | Self::UnknownPrimary
            | Self::SentinelCredentials => true,
            Self::Refused(refusal) => {
                matches!(refusal, Refusal::Credentials | Refusal::ReadOnly | Refusal::Loading)
            }
        }
    }

    /// The failure as a label of metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Tls(_) => "tls",
            Self::NoSentinel | Self::UnknownPrimary => "no_primary",
            Self::SentinelCredentials | Self::Refused(Refusal::Credentials) => "credentials",
            Self::Refused(Refusal::Permission) => "permission",
            Self::Refused(Refusal::OutOfMemory) => "out_of_memory",
            Self::Refused(Refusal::ReadOnly) => "read_only",
            Self::Refused(Refusal::Loading) => "loading",
            Self::Refused(Refusal::ClusterDown | Refusal::Moved(_) | Refusal::Migrating) => "cluster",
            Self::Refused(Refusal::Error(_) | Refusal::Nonsense) => "refused",
        }
    }

    /// Every value of [`RedisFailure::label`].
    pub(crate) const LABELS: [&'static str; 11] = [
        "timeout",
        "unavailable",
        "tls",
        "no_primary",
        "credentials",
        "permission",
        "out_of_memory",
        "read_only",
        "loading",
        "cluster",
        "refused",
    ];
}

/// What Redis had against a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("does not accept the user or the password")]
    Credentials,
    #[error("does not permit a command to this user")]
    Permission,
    #[error("is out of memory")]
    OutOfMemory,
    #[error("is a read-only replica")]
    ReadOnly,
    #[error("is loading its data")]
    Loading,
    #[error("is a Cluster some of whose slots no node serves")]
    ClusterDown,
    /// Another node of a Cluster has the key. Only where the URL does not say that Redis is a Cluster does this come out.
    #[error("is a Cluster, which its URL does not say: it must begin with redis+cluster or rediss+cluster")]
    Moved(Redirect),
    #[error("is moving the keys of this request to another node")]
    Migrating,
    /// Another error; the code is the first word of Redis's answer, e.g. MISCONF.
    #[error("answered with the error {0}")]
    Error(String),
    #[error("gave an answer that makes no sense")]
    Nonsense,
}

/// Where a node of a Cluster sends a command to that it has not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// Empty where it is the host that said so.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The other node takes the command only after `ASKING`.
    pub(crate) asking: bool,
}

impl From<RedisError> for RedisFailure {
    fn from(error: RedisError) -> Self {
        if let Some(error) = tls(&error) {
            return Self::Tls(error.to_string());
        }
        match error.kind() {
            ErrorKind::Io if error.is_timeout() => Self::Timeout,
            ErrorKind::Io => Self::Unavailable,
            ErrorKind::AuthenticationFailed => Self::Refused(Refusal::Credentials),
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::Refused(Refusal::Loading),
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::Refused(Refusal::ReadOnly),
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::Refused(Refusal::Permission),
            ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown) => {
                Self::Refused(Refusal::ClusterDown)
            }
            ErrorKind::Server(ServerErrorKind::TryAgain) => Self::Refused(Refusal::Migrating),
            ErrorKind::Server(kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask)) => {
                Self::Refused(redirect(&error, kind == ServerErrorKind::Ask))
            }
            _ => Self::Refused(error.code().map_or(Refusal::Nonsense, refusal_by_code)),
        }
    }
}

/// The error of TLS that an error of the redis crate comes from.
fn tls(error: &RedisError) -> Option<&rustls::Error> {
    // The crate hides it behind a pointer and an I/O error.
    let shared = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    shared.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

fn redirect(error: &RedisError, asking: bool) -> Refusal {
    let parse = || {
        let (address, _slot) = error.redirect_node()?;
        // An IPv6 address has no brackets here.
        let (host, port) = address.rsplit_once(':')?;
        Some(Redirect { host: host.to_owned(), port: port.parse().ok()?, asking })
    };
    parse().map_or(Refusal::Nonsense, Refusal::Moved)
}

fn refusal_by_code(code: &str) -> Refusal {
    match code {
        "OOM" => Refusal::OutOfMemory,
        "NOAUTH" | "WRONGPASS" => Refusal::Credentials,
        // Codes are capitals by convention; anything else may be free text.
        code if !code.is_empty() && code.len() <= 32 && code.bytes().all(|b| b.is_ascii_uppercase()) => {
            Refusal::Error(code.to_owned())
        }
        _ => Refusal::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(answer: &str) -> RedisFailure {
        let value = redis::parse_redis_value(answer.as_bytes()).unwrap();
        RedisFailure::from(value.extract_error().unwrap_err())
    }

    #[test]
    fn each_refusal_of_redis_has_its_own_sentence() {
        let sentence = |answer: &str| failure(answer).to_string();
        assert_eq!(sentence("-OOM command not allowed\r\n"), "Redis is out of memory");
        assert_eq!(sentence("-READONLY You can't write\r\n"), "Redis is a read-only replica");
        assert_eq!(sentence("-LOADING Redis is loading\r\n"), "Redis is loading its data");
        assert_eq!(sentence("-NOAUTH required.\r\n"), "Redis does not accept the user or the password");
        assert_eq!(sentence("-NOPERM no permissions\r\n"), "Redis does not permit a command to this user");
        assert_eq!(
            sentence("-CLUSTERDOWN Hash slot not served\r\n"),
            "Redis is a Cluster some of whose slots no node serves"
        );
        assert_eq!(
            sentence("-TRYAGAIN Multiple keys\r\n"),
            "Redis is moving the keys of this request to another node"
        );
        assert!(sentence("-MOVED 3999 127.0.0.1:6381\r\n").contains("must begin with redis+cluster"));
        assert_eq!(sentence("-MISCONF disk is full\r\n"), "Redis answered with the error MISCONF");
    }

    #[test]
    fn a_redirect_tells_where_to() {
        let redirect = |host: &str, asking| {
            RedisFailure::Refused(Refusal::Moved(Redirect { host: host.to_owned(), port: 6381, asking }))
        };
        assert_eq!(failure("-MOVED 3999 127.0.0.1:6381\r\n"), redirect("127.0.0.1", false));
        assert_eq!(failure("-ASK 3999 ::1:6381\r\n"), redirect("::1", true));
        assert_eq!(failure("-MOVED 3999 :6381\r\n"), redirect("", false));
    }

    #[test]
    fn text_of_redis_is_not_passed_on() {
        assert_eq!(failure("-hush hush\r\n"), RedisFailure::Refused(Refusal::Nonsense));
    }

    #[test]
    fn only_a_late_answer_is_a_gateway_timeout() {
        let status = |failure: RedisFailure| Failure::from(failure).status().as_u16();
        assert_eq!(status(RedisFailure::Timeout), 504);
        assert_eq!(status(RedisFailure::Unavailable), 503);
        assert_eq!(status(RedisFailure::Refused(Refusal::OutOfMemory)), 503);
        assert_eq!(Failure::Shed.status().as_u16(), 503);
    }
}
