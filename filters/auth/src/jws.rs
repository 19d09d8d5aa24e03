//! A signed token in compact form (RFC 7515 section 3.1), taken apart; nothing in it is to be trusted yet.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrox_policy::auth::Algorithm;
use serde_json::Value;

use crate::{
    denial::Denial,
    json::{self, Object},
};

/// The parts of a token.
///
/// `jwk`, `jku`, `x5u` and `x5c` of its header are not even read: a token must not say which key it trusts.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    /// `alg`.
    pub(crate) algorithm: Algorithm,
    /// `kid`.
    pub(crate) key_id: Option<String>,
    /// What is signed: header and payload as they came.
    pub(crate) signing_input: &'t [u8],
    /// The payload, decoded.
    pub(crate) payload: Vec<u8>,
    /// The signature, decoded.
    pub(crate) signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    pub(crate) fn parse(token: &'t [u8]) -> Result<Self, Denial> {
        let mut parts = token.split(|b| *b == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Denial::Malformed);
        };
        let signing_input = token.get(..header.len() + 1 + payload.len()).ok_or(Denial::Malformed)?;
        let header = json::object(&decode(header)?)?;
        if asks_for_more(&header) {
            return Err(Denial::CriticalHeader);
        }
        let algorithm = json::text(&header, "alg")?.ok_or(Denial::Malformed)?;
        Ok(Self {
            algorithm: Algorithm::from_name(algorithm).ok_or(Denial::UnsupportedAlgorithm)?,
            key_id: json::text(&header, "kid")?.map(str::to_owned),
            signing_input,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, Denial> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Denial::Malformed)
}

/// Whether a header asks for what nobody here understands: any `crit`, whatever it holds (RFC 7515 section 4.1.11), and a
/// payload that is not encoded (RFC 7797 section 3), which must be critical but may be forgotten there.
fn asks_for_more(header: &Object) -> bool {
    header.contains_key("crit") || header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<(Algorithm, Option<String>), Denial> {
        let token = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
        Jws::parse(token.as_bytes()).map(|jws| (jws.algorithm, jws.key_id))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let token = format!("{}.e30.AQID", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"1","x":[]}"#));
        let jws = Jws::parse(token.as_bytes()).unwrap();
        assert_eq!((jws.algorithm, jws.key_id.as_deref()), (Algorithm::Es256, Some("1")));
        assert_eq!((jws.payload, jws.signature), (b"{}".to_vec(), vec![1, 2, 3]));
        assert_eq!(jws.signing_input, token.strip_suffix(".AQID").unwrap().as_bytes());
    }

    #[test]
    fn no_other_form_is_a_token() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let others = [
            "".to_owned(),
            format!("{header}.e30"),
            format!("{header}.e30.AA.AA"),
            format!("{header}.e30.A"),
        ];
        for token in others {
            assert_eq!(Jws::parse(token.as_bytes()).unwrap_err(), Denial::Malformed, "{token}");
        }
        for token in [format!("{header}.e30=.AAAA"), format!("{header}.e30.AA+A"), format!("{header}.e30.AB")]
        {
            assert_eq!(Jws::parse(token.as_bytes()).unwrap_err(), Denial::Malformed, "{token}");
        }
        assert_eq!(Jws::parse(b"\xff.\xff.\xff").unwrap_err(), Denial::Malformed);
    }

    #[test]
    fn a_header_that_is_no_object_of_the_right_types_is_refused() {
        let deep = format!(r#"{{"alg":"HS256","x":{}}}"#, "[".repeat(3000));
        for header in [
            "",
            "[]",
            r#"["HS256",null,true]"#,
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","kid":null}"#,
            &deep,
        ] {
            assert_eq!(parse(header).unwrap_err(), Denial::Malformed, "{header}");
        }
        for twice in [r#"{"alg":"HS256","alg":"HS256"}"#, r#"{"alg":"HS256","x":1,"x":1}"#] {
            assert_eq!(parse(twice).unwrap_err(), Denial::Malformed);
        }
    }

    #[test]
    fn no_algorithm_but_the_twelve_is_known() {
        for name in ["none", "None", "", "hs256", "ES512", "RSA-OAEP"] {
            assert_eq!(
                parse(&format!(r#"{{"alg":"{name}"}}"#)).unwrap_err(),
                Denial::UnsupportedAlgorithm,
                "{name}"
            );
        }
        for algorithm in Algorithm::ALL {
            assert_eq!(parse(&format!(r#"{{"alg":"{algorithm}"}}"#)).unwrap().0, algorithm);
        }
    }

    #[test]
    fn critical_header_parameters_are_refused_whatever_they_are() {
        for crit in [r#"["b64"]"#, "[]", "null"] {
            let header = format!(r#"{{"alg":"HS256","crit":{crit}}}"#);
            assert_eq!(parse(&header).unwrap_err(), Denial::CriticalHeader, "{crit}");
        }
        for b64 in ["false", "null", "0"] {
            let header = format!(r#"{{"alg":"HS256","b64":{b64}}}"#);
            assert_eq!(parse(&header).unwrap_err(), Denial::CriticalHeader, "{b64}");
        }
        assert!(parse(r#"{"alg":"HS256","b64":true}"#).is_ok());
    }
}
