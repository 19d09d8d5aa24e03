//! What counts as a failure of an endpoint.

use std::collections::BTreeSet;

/// What counts as a failure of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOn {
    /// These answers.
    Answer(BadAnswer),
    /// That there is none: refused, reset, timed out.
    NoAnswer,
    /// Both.
    AnswerOrNone(BadAnswer),
}

/// Which answers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAnswer {
    /// Every 5xx.
    ServerError,
    /// 502, 503 and 504.
    GatewayError,
}

/// The kinds in any order.
pub(super) fn parse(kinds: &[String]) -> Result<FailureOn, String> {
    let mut seen = BTreeSet::new();
    for kind in kinds {
        if !["5xx", "gateway_error", "no_answer"].contains(&kind.as_str()) {
            return Err(format!("'{kind}' must be 5xx, gateway_error or no_answer"));
        }
        if !seen.insert(kind.as_str()) {
            return Err(format!("'{kind}' stands twice"));
        }
    }
    let answer = match (seen.contains("5xx"), seen.contains("gateway_error")) {
        (true, true) => return Err("5xx holds gateway_error: one of them is enough".to_owned()),
        (true, false) => Some(BadAnswer::ServerError),
        (false, true) => Some(BadAnswer::GatewayError),
        (false, false) => None,
    };
    match (answer, seen.contains("no_answer")) {
        (Some(answer), true) => Ok(FailureOn::AnswerOrNone(answer)),
        (Some(answer), false) => Ok(FailureOn::Answer(answer)),
        (None, true) => Ok(FailureOn::NoAnswer),
        (None, false) => Err("needs at least one of 5xx, gateway_error and no_answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kinds: &[&str]) -> Result<FailureOn, String> {
        parse(&kinds.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn kinds_come_in_any_order() {
        let both = Ok(FailureOn::AnswerOrNone(BadAnswer::ServerError));
        assert_eq!((of(&["5xx", "no_answer"]), of(&["no_answer", "5xx"])), (both.clone(), both));
        assert_eq!(of(&["gateway_error"]), Ok(FailureOn::Answer(BadAnswer::GatewayError)));
        assert_eq!(of(&["no_answer"]), Ok(FailureOn::NoAnswer));
    }

    #[test]
    fn kinds_that_make_no_sense_are_refused() {
        assert!(of(&[]).unwrap_err().contains("at least one"));
        assert!(of(&["4xx"]).unwrap_err().contains("'4xx' must be"));
        assert!(of(&["5xx", "5xx"]).unwrap_err().contains("twice"));
        assert!(of(&["gateway_error", "5xx"]).unwrap_err().contains("one of them"));
    }
}
