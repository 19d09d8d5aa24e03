//! Claims that the upstream gets as headers.

use ferrox_policy::auth::ClaimHeader;
use serde_json::Value;

use crate::{claims::is_header_value, denial::Denial, json::Object};

/// Headers and their values.
pub(crate) type PassedOn = Vec<(String, String)>;

/// The headers for the claims of a token, for those that it has.
///
/// # Errors
/// When a value would not survive as a header: it is refused rather than changed.
pub(crate) fn claims(headers: &[ClaimHeader], claims: Option<&Object>) -> Result<PassedOn, Denial> {
    let Some(claims) = claims else { return Ok(PassedOn::new()) };
    let found = headers.iter().filter_map(|pair| Some((pair, pair.claim.find(claims)?)));
    found
        .map(|(pair, value)| {
            let text = Some(text(value)).filter(|text| is_header_value(text)).ok_or(Denial::UnusableClaim)?;
            Ok((pair.header.clone(), text))
        })
        .collect()
}

/// A string as it is, anything else as JSON, and the members of a list joined by commas, of which none may have one: two
/// would look like three.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(is_simple) => {
            list.iter().map(text).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

fn is_simple(value: &Value) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) | Value::Null => false,
        Value::String(text) => !text.contains(','),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn passed_on(value: Value) -> Result<PassedOn, Denial> {
        let header: ClaimHeader = serde_json::from_value(json!({"claim": "a.b", "header": "x-b"})).unwrap();
        let claims = json!({"a": {"b": value}});
        super::claims(&[header], claims.as_object())
    }

    #[test]
    fn a_claim_becomes_the_text_of_a_header() {
        for (value, text) in [
            (json!("x"), "x"),
            (json!("d\u{e9}j\u{e0}"), "d\u{e9}j\u{e0}"),
            (json!(7), "7"),
            (json!(true), "true"),
            (json!(["a", 1, false]), "a,1,false"),
            (json!(["a,b", "c"]), r#"["a,b","c"]"#),
            (json!([["a"]]), r#"[["a"]]"#),
            (json!({"c": 1}), r#"{"c":1}"#),
        ] {
            assert_eq!(passed_on(value), Ok(vec![("x-b".to_owned(), text.to_owned())]));
        }
    }

    #[test]
    fn an_absent_claim_is_no_header() {
        assert_eq!(passed_on(Value::Null), Ok(Vec::new()));
        assert_eq!(super::claims(&[], None), Ok(Vec::new()));
    }

    #[test]
    fn a_claim_that_a_header_would_change_is_refused() {
        for value in [json!(""), json!(" a"), json!("a\r\nx-admin: 1"), json!(["a", "b\n"]), json!([])] {
            assert_eq!(passed_on(value), Err(Denial::UnusableClaim));
        }
    }
}
