//! Mutual TLS between Envoys and the control plane.

use std::path::PathBuf;

/// The files of one side, in PEM form.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// What it shows to the other side.
    pub cert: PathBuf,
    /// The private key of that.
    pub key: PathBuf,
    /// Whose certificates it takes from the other side.
    pub authority: PathBuf,
}

/// The files of both sides.
#[derive(Debug, Clone)]
pub struct MutualTls {
    /// The control plane's.
    pub control_plane: TlsFiles,
    /// Envoy's.
    pub envoy: TlsFiles,
}
