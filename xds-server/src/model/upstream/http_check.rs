//! What a request that checks an endpoint may look like.

use ferrox_policy::Invalid;

/// An origin-form target (RFC 9112 section 3.2.1).
pub(super) fn check_path(path: &str) -> Result<(), Invalid> {
    if !path.starts_with('/') || !is_visible(path) {
        return Err(Invalid::new("path", "must start with '/' and hold visible ASCII only"));
    }
    Ok(())
}

pub(super) fn check_host(host: Option<&str>) -> Result<(), Invalid> {
    if host.is_some_and(|host| host.is_empty() || !is_visible(host)) {
        return Err(Invalid::new("host", "must be visible ASCII"));
    }
    Ok(())
}

/// None means the default.
pub(super) fn check_statuses(statuses: &[u16]) -> Result<(), Invalid> {
    for (index, status) in statuses.iter().enumerate() {
        let refuse =
            |reason: &str| Err(Invalid::new(format!("statuses[{index}]"), format!("{status} {reason}")));
        if !(100..=599).contains(status) {
            return refuse("must be 100 to 599");
        }
        if statuses.iter().take(index).any(|earlier| earlier == status) {
            return refuse("stands twice");
        }
    }
    Ok(())
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
