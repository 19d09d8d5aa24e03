//! The column `conditions`.

use std::collections::BTreeSet;

use ferrox_policy::{Check, Invalid, identity};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Conditions, HeaderCondition, HeaderTest, QueryCondition, QueryTest, Share, Text, TextMatch};
use crate::model::{Path, PathMatch, Pattern};

/// What a request must have besides host, path and method: all of it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::model) struct Document {
    /// Rules for headers: up to 16, none of them twice. Of several headers of one name it is enough that one has the value.
    /// Default: none.
    #[serde(default)]
    #[schemars(length(max = 16))]
    headers: Vec<Rule>,
    /// Rules for parameters of the query, as they stand in the URL (nothing is unescaped): up to 16, none of them twice. Of
    /// several parameters of one name the first counts. Default: none.
    #[serde(default)]
    #[schemars(length(max = 16))]
    query: Vec<Rule>,
    /// Only gRPC calls (`content-type: application/grpc`), by their service and method, which are the path: no other path is
    /// set. Default: any request.
    #[serde(default)]
    grpc: Option<Grpc>,
    /// The share of the requests that the route would match which it takes, in percent: 0 to 100, in steps of 0.0001; the
    /// others go to the next route that matches. Default: all.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    percent: Option<f64>,
}

/// A rule for a header or a parameter: exactly one of exact, prefix, suffix, contains, regex and present.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The name: of a header, in any case and without `_` (headers with one are dropped); of a parameter, 1 to 256
    /// characters.
    name: String,
    /// The whole value: up to 1024 characters.
    exact: Option<String>,
    /// What the value begins with: 1 to 1024 characters.
    prefix: Option<String>,
    /// What the value ends with: 1 to 1024 characters.
    suffix: Option<String>,
    /// What is in the value: 1 to 1024 characters.
    contains: Option<String>,
    /// A regular expression (RE2) for the whole value: 1 to 1024 characters, up to 100 instructions.
    regex: Option<String>,
    /// Whether it is there, with any value, or is not.
    present: Option<bool>,
    /// Whether the rule must not hold; a header that is not there counts as empty. For headers only, and not with present.
    /// Default: false.
    #[serde(default)]
    not: bool,
    /// Whether letters of either case are the same; not with regex (write `(?i)` in it) and present. Default: false.
    #[serde(default)]
    ignore_case: bool,
}

/// A gRPC call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Grpc {
    /// The service with its package, such as `shop.v1.Orders`.
    service: String,
    /// The method. Default: any of the service.
    method: Option<String>,
}

impl Check for Document {
    fn check(&self) -> Result<(), Invalid> {
        self.conditions().and(self.path()).map(drop)
    }
}

const MAX_RULES: usize = 16;
const MAX_NAME: usize = 256;
const MAX_VALUE: usize = 1024;

impl Document {
    /// The conditions.
    pub(in crate::model) fn conditions(&self) -> Result<Conditions, Invalid> {
        let share = self.percent.map(Share::parse).transpose().map_err(|why| Invalid::new("percent", why))?;
        Ok(Conditions {
            headers: each("headers", &self.headers, Rule::header)?,
            query: each("query", &self.query, Rule::query)?,
            grpc: self.grpc.is_some(),
            share,
        })
    }

    /// The path that gRPC gives (gRPC over HTTP/2, "Requests").
    pub(in crate::model) fn path(&self) -> Result<Option<PathMatch>, Invalid> {
        let Some(Grpc { service, method }) = &self.grpc else { return Ok(None) };
        if !service.split('.').all(is_identifier) {
            return Err(Invalid::new("grpc.service", "must be a name such as 'shop.v1.Orders'"));
        }
        if !method.as_deref().is_none_or(is_identifier) {
            return Err(Invalid::new("grpc.method", "must be a name such as 'GetOrder'"));
        }
        let path = Path::parse(&format!("/{service}/{}", method.as_deref().unwrap_or_default()))
            .map_err(|why| Invalid::new("grpc", why))?;
        Ok(Some(if method.is_some() { PathMatch::Exact(path) } else { PathMatch::Prefix(path) }))
    }
}

fn is_identifier(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn each<T: Ord>(
    field: &str,
    rules: &[Rule],
    parse: impl Fn(&Rule) -> Result<T, Invalid>,
) -> Result<BTreeSet<T>, Invalid> {
    if rules.len() > MAX_RULES {
        return Err(Invalid::new(field, format!("has {} rules: up to {MAX_RULES} can be", rules.len())));
    }
    let mut parsed = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let at = format!("{field}[{index}]");
        let rule = parse(rule).map_err(|invalid| invalid.within(&at))?;
        if !parsed.insert(rule) {
            return Err(Invalid::new(at, "stands twice"));
        }
    }
    Ok(parsed)
}

/// What a rule asks for, before its negation.
enum Asked {
    Presence(bool),
    Text(TextMatch),
}

impl Rule {
    fn header(&self) -> Result<HeaderCondition, Invalid> {
        let name = header_name(&self.name).map_err(|why| Invalid::new("name", why))?;
        let test = match (self.asked(is_header_value)?, self.not) {
            (Asked::Presence(_), true) => {
                return Err(Invalid::new("not", "goes with a value; 'present: false' asks for its absence"));
            }
            (Asked::Presence(true), false) => HeaderTest::Present,
            (Asked::Presence(false), false) => HeaderTest::Absent,
            (Asked::Text(text), false) => HeaderTest::Is(text),
            (Asked::Text(text), true) => HeaderTest::IsNot(text),
        };
        Ok(HeaderCondition { name, test })
    }

    fn query(&self) -> Result<QueryCondition, Invalid> {
        if !(1..=MAX_NAME).contains(&self.name.len()) || !is_query(&self.name) || self.name.contains('=') {
            return Err(Invalid::new("name", "must be 1 to 256 characters of a query, without '&' and '='"));
        }
        if self.not {
            return Err(Invalid::new("not", "is for headers: Envoy has none for the query"));
        }
        let test = match self.asked(is_query)? {
            Asked::Presence(true) => QueryTest::Present,
            Asked::Presence(false) => QueryTest::Absent,
            Asked::Text(text) => QueryTest::Is(text),
        };
        Ok(QueryCondition { name: self.name.clone(), test })
    }

    fn asked(&self, is_value: fn(&str) -> bool) -> Result<Asked, Invalid> {
        let values = [
            ("exact", &self.exact),
            ("prefix", &self.prefix),
            ("suffix", &self.suffix),
            ("contains", &self.contains),
            ("regex", &self.regex),
        ];
        let mut values = values.into_iter().filter_map(|(field, value)| Some((field, value.as_deref()?)));
        match (values.next(), values.next(), self.present) {
            (Some((field, value)), None, None) => {
                let text = text(field, value, is_value).map_err(|why| Invalid::new(field, why))?;
                let text = match self.ignore_case {
                    true => TextMatch::ignoring_case(text).map_err(|why| Invalid::new("ignore_case", why))?,
                    false => TextMatch { text, ignore_case: false },
                };
                Ok(Asked::Text(text))
            }
            (None, None, Some(_)) if self.ignore_case => {
                Err(Invalid::new("ignore_case", "goes with a value"))
            }
            (None, None, Some(present)) => Ok(Asked::Presence(present)),
            _ => Err(Invalid::new(
                "",
                "needs exactly one of exact, prefix, suffix, contains, regex and present",
            )),
        }
    }
}

fn text(field: &str, value: &str, is_value: fn(&str) -> bool) -> Result<Text, String> {
    if field == "regex" {
        return Pattern::parse(value).map(Text::Regex);
    }
    if value.len() > MAX_VALUE || !is_value(value) {
        return Err(format!(
            "must be what can be in a request: up to {MAX_VALUE} printable ASCII characters"
        ));
    }
    let text = match field {
        "exact" => return Ok(Text::Exact(value.to_owned())),
        "prefix" => Text::Prefix,
        "suffix" => Text::Suffix,
        _ => Text::Contains,
    };
    match value.is_empty() {
        true => Err("must not be empty".to_owned()),
        false => Ok(text(value.to_owned())),
    }
}

/// A name in lower case (RFC 9110 section 5.1).
fn header_name(name: &str) -> Result<String, String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte);
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "host" => Err("the column hosts is for it".to_owned()),
        lower if identity::header::ALL.contains(&lower) => {
            Err(format!("'{lower}' is set after the route is chosen; before, it is anyone's claim"))
        }
        _ if name.contains('_') => Err("a header with '_' is dropped before the route is chosen".to_owned()),
        _ if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(token) => Ok(lower),
        _ => Err(format!("'{}' is no name of a header", name.escape_debug())),
    }
}

/// Printable ASCII; others are not forbidden, but nobody can rely on them (RFC 9110 section 5.5).
fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// What can stand between the separators of a query (RFC 3986 section 3.4).
fn is_query(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#\"<>\\^`{|}".contains(&byte))
}
