//! What a Ferrox filter sees of Envoy.
//!
//! This is the one crate that touches proxy-wasm. A filter is a [`Plugin`] whose [`Stream`]s act on a
//! [`Host`]; it is pure Rust that also compiles natively, where its unit tests run it on the [`mock`].
//! [`plugin!`] turns it into the wasm module that Envoy loads.
//!
//! What the crate takes care of, so that no filter has to:
//! * header values are bytes; the SDK's string calls panic on values that are not UTF-8 (rust-sdk #263);
//! * a stream answers at most once, since a second local reply crashes Envoy (envoy #23047, #28826);
//! * every outcome of a call-out is either an error at once or one [`CallOutcome`];
//! * nothing is asked of Envoy at a time when the SDK would panic on its answer.

mod call;
mod headers;
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
mod plugin;
mod policy_cache;
mod shared;
#[cfg(target_arch = "wasm32")]
mod signature;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

pub use call::{Call, CallId, CallOutcome, CallRefused};
pub use headers::Headers;
pub use host::{Counter, Gauge, Host, Level, Reply, Side, SignatureCheck};
pub use plugin::{Flow, Plugin, Stream};
pub use policy_cache::PolicyCache;
pub use shared::{Overtaken, Replacing, SharedValue};

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use proxy_wasm;

/// Makes a [`Plugin`] the wasm module that Envoy loads. Does nothing in a native build.
#[macro_export]
macro_rules! plugin {
    ($plugin:ty) => {
        // Inside a block, since the SDK's macro writes a public function without documentation.
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::proxy_wasm::main! {{ $crate::wasm::start::<$plugin>() }}
        };
    };
}
