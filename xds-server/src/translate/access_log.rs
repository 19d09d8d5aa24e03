//! The access log of a listener.

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log};
use ferrox_policy::identity;

use super::canonical::{self, Strings};

/// A line for each request. The path is logged without its query, which may hold tokens.
pub(super) fn json() -> AccessLog {
    let identity = format!("%FILTER_STATE(wasm.{}:PLAIN)%", identity::FILTER_STATE);
    let format = Strings::from([
        ("time", "%START_TIME%"),
        ("request_id", "%REQ(X-REQUEST-ID)%"),
        ("client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ("identity", &identity),
        ("method", "%REQ(:METHOD)%"),
        ("host", "%REQ(:AUTHORITY)%"),
        ("path", "%PATH(NQ)%"),
        ("protocol", "%PROTOCOL%"),
        ("route", "%ROUTE_NAME%"),
        ("status", "%RESPONSE_CODE%"),
        ("details", "%RESPONSE_CODE_DETAILS%"),
        ("flags", "%RESPONSE_FLAGS%"),
        ("upstream", "%UPSTREAM_CLUSTER%"),
        ("endpoint", "%UPSTREAM_HOST%"),
        ("bytes_received", "%BYTES_RECEIVED%"),
        ("bytes_sent", "%BYTES_SENT%"),
        ("duration_ms", "%DURATION%"),
    ]);
    AccessLog {
        name: "envoy.access_loggers.stdout".to_owned(),
        config_type: Some(access_log::ConfigType::TypedConfig(canonical::json_log(format))),
        ..AccessLog::default()
    }
}
