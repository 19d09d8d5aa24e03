//! JSON of tokens, read strictly: one object, in which no name stands twice at any depth (RFC 7515 section 4, RFC 7519
//! section 4). Parsers differ in which of two members they take, and an upstream may read the token again.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::denial::Denial;

/// The members of an object.
pub(crate) type Object = Map<String, Value>;

/// Parses one object and nothing after it.
pub(crate) fn object(json: &[u8]) -> Result<Object, Denial> {
    match serde_json::from_slice(json) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        _ => Err(Denial::Malformed),
    }
}

/// A string that need not be there. `null` is not a string.
pub(crate) fn text<'o>(object: &'o Object, name: &str) -> Result<Option<&'o str>, Denial> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Denial::Malformed),
    }
}

/// A value in which no name stands twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_what_serde_json_takes_it_for() {
        let json = json!({"s": "\u{e9}\n", "n": [0, -1, 1.5, u64::MAX], "o": {"a": null, "b": [true, {}]}});
        assert_eq!(object(json.to_string().as_bytes()).unwrap(), *json.as_object().unwrap());
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"o":{"a":1,"b":2,"a":3}}"#,
            r#"{"l":[{"a":1},{"a":1,"a":1}]}"#,
        ] {
            assert_eq!(object(json.as_bytes()), Err(Denial::Malformed), "{json}");
        }
        assert!(object(br#"{"o":{"a":1},"p":{"a":1},"a":1,"A":2}"#).is_ok());
    }

    #[test]
    fn what_is_not_one_object_of_strict_json_is_refused() {
        let deep = format!(r#"{{"x":{}"#, "[".repeat(3000));
        for json in [
            "",
            "[]",
            "null",
            "1",
            "{} {}",
            "{},",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":NaN}",
            "{\"a\":1e400}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\ud800\"}",
            "{a:1}",
            "{/**/}",
            &deep,
        ] {
            assert_eq!(object(json.as_bytes()), Err(Denial::Malformed), "{json}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(Denial::Malformed));
        assert_eq!(object(b"\xef\xbb\xbf{}"), Err(Denial::Malformed));
    }
}
