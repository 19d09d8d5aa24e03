//! The shell on the mock host, and a sidecar that is a map.

mod bed;
mod failing;
mod serving;
mod sharing;
mod storing;
