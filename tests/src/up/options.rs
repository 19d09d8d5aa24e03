//! What can be chosen about `up`.

use std::path::PathBuf;

use clap::Args;

use crate::{Error, binaries::workspace, ports::Port};

/// Where everything listens, always on 127.0.0.1, and where the data is.
#[derive(Debug, Args)]
pub struct UpOptions {
    /// Port of the gateway
    #[arg(long, env = "FERROX_UP_PORT", default_value_t = 10000)]
    port: u16,
    /// Port of Envoy's admin interface
    #[arg(long, env = "FERROX_UP_ENVOY_ADMIN_PORT", default_value_t = 9901)]
    envoy_admin_port: u16,
    /// Port on which Envoy's statistics can be read
    #[arg(long, env = "FERROX_UP_ENVOY_STATUS_PORT", default_value_t = 9902)]
    envoy_status_port: u16,
    /// Port of the control plane for Envoy
    #[arg(long, env = "FERROX_UP_XDS_PORT", default_value_t = 18000)]
    xds_port: u16,
    /// Port of the control plane's status and metrics
    #[arg(long, env = "FERROX_UP_ADMIN_PORT", default_value_t = 18001)]
    admin_port: u16,
    /// Port that switches the sample's upstreams
    #[arg(long, env = "FERROX_UP_CONTROL_PORT", default_value_t = 18100)]
    control_port: u16,
    /// Port of the Redis sidecar
    #[arg(long, env = "FERROX_UP_SIDECAR_PORT", default_value_t = 7379)]
    sidecar_port: u16,
    /// Port of Redis
    #[arg(long, env = "FERROX_UP_REDIS_PORT", default_value_t = 16379)]
    redis_port: u16,
    /// Port of PostgreSQL
    #[arg(long, env = "FERROX_UP_POSTGRES_PORT", default_value_t = 15432)]
    postgres_port: u16,
    /// Folder for data and logs; what an earlier run left there is removed
    #[arg(long, env = "FERROX_UP_FOLDER", default_value_os_t = default_folder())]
    pub(super) folder: PathBuf,
}

/// Which `up` to stop.
#[derive(Debug, Args)]
pub struct DownOptions {
    /// The folder of the running gateway
    #[arg(long, env = "FERROX_UP_FOLDER", default_value_os_t = default_folder())]
    pub(super) folder: PathBuf,
}

fn default_folder() -> PathBuf {
    workspace().join(".ferrox/up")
}

/// The ports of everything.
pub(super) struct UpPorts {
    pub(super) gateway: Port,
    pub(super) envoy_admin: Port,
    pub(super) envoy_status: Port,
    pub(super) xds: Port,
    pub(super) admin: Port,
    pub(super) control: Port,
    pub(super) sidecar: Port,
    pub(super) redis: Port,
    pub(super) postgres: Port,
}

impl UpOptions {
    /// All ports, if all are free: nothing is started before that is known.
    pub(super) fn ports(&self) -> Result<UpPorts, Error> {
        Ok(UpPorts {
            gateway: Port::given(self.port, "the gateway", "--port or FERROX_UP_PORT")?,
            envoy_admin: Port::given(
                self.envoy_admin_port,
                "Envoy's admin interface",
                "--envoy-admin-port or FERROX_UP_ENVOY_ADMIN_PORT",
            )?,
            envoy_status: Port::given(
                self.envoy_status_port,
                "Envoy's statistics",
                "--envoy-status-port or FERROX_UP_ENVOY_STATUS_PORT",
            )?,
            xds: Port::given(self.xds_port, "xDS", "--xds-port or FERROX_UP_XDS_PORT")?,
            admin: Port::given(self.admin_port, "the control plane", "--admin-port or FERROX_UP_ADMIN_PORT")?,
            control: Port::given(
                self.control_port,
                "the sample's upstreams",
                "--control-port or FERROX_UP_CONTROL_PORT",
            )?,
            sidecar: Port::given(
                self.sidecar_port,
                "the sidecar",
                "--sidecar-port or FERROX_UP_SIDECAR_PORT",
            )?,
            redis: Port::given(self.redis_port, "Redis", "--redis-port or FERROX_UP_REDIS_PORT")?,
            postgres: Port::given(
                self.postgres_port,
                "PostgreSQL",
                "--postgres-port or FERROX_UP_POSTGRES_PORT",
            )?,
        })
    }
}
