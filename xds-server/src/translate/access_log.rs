//! The access log of a listener.

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log};
use ferrox_policy::{
    auth, cache,
    identity::{CONSUMER_STATE, FILTER_STATE},
    rate_limit::Stage,
};

use super::canonical::{self, Strings};

/// A line for each request. The path is logged without its query, which may hold tokens.
pub(super) fn json(listener: &str) -> AccessLog {
    let filter_state = |key: &str| format!("%FILTER_STATE(wasm.{key}:PLAIN)%");
    let format = Strings::from([
        ("time", "%START_TIME%"),
        ("request_id", "%REQ(X-REQUEST-ID)%"),
        // The length of version 00 (W3C Trace Context, section 3.2.1): more is the client's own.
        ("trace", "%REQ(TRACEPARENT):55%"),
        ("listener", listener),
        ("client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ("tls_version", "%DOWNSTREAM_TLS_VERSION%"),
        ("tls_server_name", "%REQUESTED_SERVER_NAME%"),
        ("user_agent", "%REQ(USER-AGENT):256%"),
        ("consumer", &filter_state(CONSUMER_STATE)),
        ("identity", &filter_state(FILTER_STATE)),
        ("auth", &filter_state(auth::FILTER)),
        ("rate_limit_address", &filter_state(Stage::Address.filter())),
        ("rate_limit_identity", &filter_state(Stage::Identity.filter())),
        ("cache", &filter_state(cache::FILTER)),
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
        ("attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
        // Measured here: a header would be the upstream's word.
        ("upstream_ms", "%COMMON_DURATION(US_TX_END:US_RX_BEG:ms)%"),
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
