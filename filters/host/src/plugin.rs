//! What a filter is.

use std::io::Read;

use crate::{CallId, CallOutcome, Host};

/// A filter with one accepted configuration. Each worker thread of Envoy has its own.
pub trait Plugin: Sized + 'static {
    /// The filter's part in one request.
    type Stream: Stream + 'static;

    /// Takes a configuration. Envoy keeps the earlier one when it is refused.
    ///
    /// # Errors
    /// When the configuration is wrong: the field and the reason, for the log.
    fn configure(host: &dyn Host, configuration: impl Read) -> Result<Self, String>;

    /// A new request.
    fn open(&self) -> Self::Stream;

    /// A period of [`Host::set_tick`] is over. It is called in the VM of every worker thread and of the main thread.
    fn on_tick(&self, host: &dyn Host) {
        let _ = host;
    }

    /// A call of [`on_tick`](Plugin::on_tick), or of an earlier call's end, ended.
    fn on_call(&self, host: &dyn Host, call: CallId, outcome: CallOutcome) {
        let _ = (host, call, outcome);
    }
}

/// Whether a message goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To the next filter.
    Continue,
    /// Not before [`Host::resume`], or never after a [`Host::reply`].
    Pause,
}

/// A filter's part in one request.
///
/// A local reply, of this filter or of another, runs the response callbacks too, also when the request callbacks
/// never ran (envoy: local replies pass the whole encoder chain).
pub trait Stream {
    /// The request's headers came.
    fn on_request_headers(&mut self, host: &dyn Host, end_of_stream: bool) -> Flow {
        let _ = (host, end_of_stream);
        Flow::Continue
    }

    /// The response's headers came.
    fn on_response_headers(&mut self, host: &dyn Host, end_of_stream: bool) -> Flow {
        let _ = (host, end_of_stream);
        Flow::Continue
    }

    /// `length` bytes of the response's body came. It cannot be paused: that would buffer it, up to a limit of
    /// Envoy's over which the client gets a 500.
    fn on_response_body(&mut self, host: &dyn Host, length: usize, end_of_stream: bool) {
        let _ = (host, length, end_of_stream);
    }

    /// The response ends with trailers.
    fn on_response_trailers(&mut self, host: &dyn Host) {
        let _ = host;
    }

    /// The stream ended, in whatever way. Calls can still be sent, nobody hears of their end.
    fn on_end(&mut self, host: &dyn Host) {
        let _ = host;
    }

    /// A call ended.
    fn on_call(&mut self, host: &dyn Host, call: CallId, outcome: CallOutcome) {
        let _ = (host, call, outcome);
    }
}
