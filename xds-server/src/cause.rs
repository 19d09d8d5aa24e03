//! What an error comes from.

use std::error::Error;

/// What was wrong in the end; what the clients of HTTP put around it only says that it was a connection.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
