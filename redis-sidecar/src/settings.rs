//! The settings of the sidecar, from arguments and environment.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr};

use clap::{Parser, ValueEnum, value_parser};
use ferrox_policy::sidecar::Address;

/// How the sidecar listens, where Redis is, and the bounds of both.
#[derive(Debug, Clone, Parser)]
#[command(name = "ferrox-redis-sidecar", version, about = "The HTTP face of Redis for Ferrox's filters")]
pub struct Settings {
    /// Address to listen on, `ip:port` or `unix:/path`, plaintext HTTP/1.1 and HTTP/2. There is no authentication: keep it
    /// private.
    #[arg(long, env = "FERROX_SIDECAR_LISTEN", default_value = "127.0.0.1:7379")]
    pub listen: Address,
    /// Who may connect to a Unix socket, as chmod's octal number.
    #[arg(long, env = "FERROX_SIDECAR_SOCKET_MODE", default_value = "660", value_parser = socket_mode)]
    pub socket_mode: u32,
    /// Where Redis is: `redis://[user:password@]host[:port][/db]`, `rediss://...` with TLS, `unix:///path`,
    /// `redis+sentinel://[user:password@]host[:port][,host...]/name-of-primary[/db]` or
    /// `redis+cluster://[user:password@]host[:port][,host...]`. Prefer the environment, which hides the password from the
    /// list of processes.
    #[arg(long, env = "FERROX_REDIS_URL", hide_env_values = true, default_value = "redis://127.0.0.1:6379")]
    pub redis_url: RedisUrl,
    /// PEM file of the authorities that Redis's certificate is trusted by. Default: those of the system.
    #[arg(long, env = "FERROX_REDIS_CA")]
    pub redis_ca: Option<PathBuf>,
    /// PEM file of the certificate that is shown to Redis, and what leads from it to a root.
    #[arg(long, env = "FERROX_REDIS_CERT", requires = "redis_key")]
    pub redis_cert: Option<PathBuf>,
    /// PEM file of the private key of that certificate.
    #[arg(long, env = "FERROX_REDIS_KEY", requires = "redis_cert")]
    pub redis_key: Option<PathBuf>,
    /// Longest wait for a decision of Redis in milliseconds, 1 to 10000, where the request names no other.
    #[arg(long, env = "FERROX_SIDECAR_TIMEOUT_MS", default_value = "20", value_parser = value_parser!(u64).range(1..=10_000))]
    pub timeout_ms: u64,
    /// The same for a cache entry, which takes longer to carry.
    #[arg(long, env = "FERROX_SIDECAR_CACHE_TIMEOUT_MS", default_value = "50", value_parser = value_parser!(u64).range(1..=10_000))]
    pub cache_timeout_ms: u64,
    /// How many requests may wait at once, 1 to 65536; more are refused at once.
    #[arg(long, env = "FERROX_SIDECAR_MAX_WAITING", default_value = "1024", value_parser = value_parser!(u32).range(1..=65_536))]
    pub max_waiting: u32,
    /// Connections to Redis (to each primary of a Cluster), 1 to 64. Each carries any number of requests at once.
    #[arg(long, env = "FERROX_SIDECAR_CONNECTIONS", default_value = "2", value_parser = value_parser!(u8).range(1..=64))]
    pub connections: u8,
    /// Largest cache entry in bytes: 1 to 536870912 (512 MiB, the most that Redis holds under a key).
    #[arg(long, env = "FERROX_SIDECAR_MAX_ENTRY_BYTES", default_value = "16777216", value_parser = value_parser!(u32).range(1..=536_870_912))]
    pub max_entry_bytes: u32,
    /// Log level: error, warn, info, debug, trace, or a list of target=level.
    #[arg(long, env = "FERROX_LOG", default_value = "info")]
    pub log: String,
    /// Form of a line of the log.
    #[arg(long, env = "FERROX_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

fn socket_mode(text: &str) -> Result<u32, &'static str> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or("must be an octal number up to 777")
}

/// Form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object for each line.
    Json,
}

/// A URL that may hold a password, so it does not print. It is parsed when the sidecar starts rather than with the
/// arguments, since clap shows the values that it refuses.
#[derive(Clone)]
pub struct RedisUrl(String);

impl RedisUrl {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedisUrl {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Infallible> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RedisUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_never_print_the_redis_url() {
        let settings = Settings::parse_from(["sidecar", "--redis-url", "redis://:hush@localhost"]);
        assert_eq!(settings.redis_url.expose(), "redis://:hush@localhost");
        assert!(!format!("{settings:?}").contains("hush"));
    }

    #[test]
    fn a_setting_out_of_range_is_refused_by_name() {
        for (flag, value) in [
            ("--listen", "localhost:7379"),
            ("--listen", "unix:relative"),
            ("--socket-mode", "668"),
            ("--socket-mode", "1777"),
            ("--timeout-ms", "0"),
            ("--cache-timeout-ms", "10001"),
            ("--max-waiting", "0"),
            ("--connections", "65"),
            ("--max-entry-bytes", "0"),
        ] {
            let error = Settings::try_parse_from(["sidecar", flag, value]).unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
