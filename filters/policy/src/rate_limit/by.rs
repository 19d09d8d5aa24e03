//! Whose requests a limit counts together.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    PathTemplate, Stage,
    word_or_list::{self, WordOrList},
};
use crate::{Check, Invalid, auth::ClaimPath, identity, invalid::check_header_name};

/// Whose requests a limit counts together, within one route unless it is shared: a word, or a list of parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum By {
    /// As a word.
    Whose(Whose),
    /// 1 to 8 different parts. Requests in which all of them are the same count together; what a request does not have is a value
    /// of its own. Decided after authentication if any part is of an identity, else before.
    Parts(Vec<Part>),
}

/// Whose requests, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The client's address, as Envoy determined it. Decided before authentication, unless consumers are exempt.
    Address,
    /// The consumer of an API key, or issuer and subject of a token. Decided after authentication; requests
    /// without an identity share one count.
    Identity,
    /// Everybody's. Decided before authentication, unless consumers are exempt.
    All,
}

/// What tells a request from others. A client chooses what it sends as header, parameter, cookie or path, and so how many counts
/// it has: such a part limits who plays by the rules, or stands beside one that nobody chooses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The client's address, of as many bits as the limit says.
    Address,
    /// The consumer whose API key was used.
    Consumer,
    /// The API key, so that each key of a consumer counts by itself.
    ApiKey,
    /// The issuer of the token.
    Issuer,
    /// The subject of the token. Beside `issuer` where there are several.
    Subject,
    /// A claim of the token.
    Claim(ClaimPath),
    /// A request header, in lower case. Several values count as a set.
    Header(String),
    /// A parameter of the query, by its decoded name and value. Several values count as a set.
    Query(String),
    /// A cookie. Several values count as a set.
    Cookie(String),
    /// The route. For limits that are shared between routes.
    Route,
    /// The upstream that the route chose, by name.
    Upstream,
    /// The method.
    Method,
    /// The host, without its port and in lower case.
    Host,
    /// The path without the query, decoded segment by segment.
    Path,
    /// What stands at some places of the path.
    PathTemplate(PathTemplate),
}

/// Most parts of a limit.
const MOST_PARTS: usize = 8;
/// Longest name of a header, a parameter or a cookie.
const LONGEST_NAME: usize = 64;
/// Headers that hold credentials, or several things at once.
const UNFIT: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

impl By {
    /// Everybody's.
    pub const ALL: Self = Self::Whose(Whose::All);
    /// The client's address.
    pub const ADDRESS: Self = Self::Whose(Whose::Address);
    /// Who auth verified.
    pub const IDENTITY: Self = Self::Whose(Whose::Identity);

    /// The stage that can tell whose requests these are.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let after = match self {
            Self::Whose(whose) => *whose == Whose::Identity,
            Self::Parts(parts) => parts.iter().any(Part::is_of_identity),
        };
        if after { Stage::Identity } else { Stage::Address }
    }

    /// The claims that it looks at.
    pub fn claims(&self) -> impl Iterator<Item = &ClaimPath> {
        self.parts().iter().filter_map(|part| match part {
            Part::Claim(claim) => Some(claim),
            _ => None,
        })
    }

    /// Whether the client's address makes a difference.
    pub(super) fn has_address(&self) -> bool {
        *self == Self::ADDRESS || self.parts().contains(&Part::Address)
    }

    fn parts(&self) -> &[Part] {
        match self {
            Self::Whose(_) => &[],
            Self::Parts(parts) => parts,
        }
    }
}

impl Part {
    fn is_of_identity(&self) -> bool {
        matches!(self, Self::Consumer | Self::ApiKey | Self::Issuer | Self::Subject | Self::Claim(_))
    }
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let either = word_or_list::read(deserializer, "address, identity, all, or a list of parts")?;
        Ok(match either {
            WordOrList::Word(word) => Self::Whose(word),
            WordOrList::List(list) => Self::Parts(list),
        })
    }
}

impl Check for By {
    fn check(&self) -> Result<(), Invalid> {
        let Self::Parts(parts) = self else { return Ok(()) };
        if !(1..=MOST_PARTS).contains(&parts.len()) {
            return Err(Invalid::new("", format!("needs 1 to {MOST_PARTS} parts")));
        }
        let mut seen = HashSet::new();
        for (index, part) in parts.iter().enumerate() {
            let at = format!("[{index}]");
            part.check().map_err(|invalid| invalid.within(&at))?;
            if !seen.insert(part) {
                return Err(Invalid::new(at, "stands twice"));
            }
        }
        Ok(())
    }
}

impl Check for Part {
    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Claim(claim) => claim.check().map_err(|invalid| invalid.within("claim")),
            Self::Header(name) => check_header(name).map_err(|reason| Invalid::new("header", reason)),
            Self::Query(name) => check_name("query", name),
            Self::Cookie(name) => check_name("cookie", name),
            Self::PathTemplate(template) => template.check().map_err(|it| it.within("path_template")),
            _ => Ok(()),
        }
    }
}

fn check_header(name: &str) -> Result<(), String> {
    check_header_name(name)?;
    if name.len() > LONGEST_NAME {
        return Err(format!("must be at most {LONGEST_NAME} bytes"));
    }
    if identity::header::ALL.contains(&name) {
        return Err(format!("'{name}' is what auth writes: count by consumer, issuer or subject"));
    }
    match UNFIT.contains(&name) {
        true => Err(format!("'{name}' holds more than one thing: count by an identity, or by a cookie")),
        false => Ok(()),
    }
}

/// Names with separators of queries and cookies in them would never be found.
fn check_name(field: &str, name: &str) -> Result<(), Invalid> {
    let visible = |b: u8| b.is_ascii_graphic() && !b"&;=#\"\\,".contains(&b);
    match (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(visible) {
        true => Ok(()),
        false => Err(Invalid::new(
            field,
            format!("must be 1 to {LONGEST_NAME} visible ASCII characters other than & ; = # , \" \\"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse, rate_limit::RateLimitPolicy};
    use serde_json::{Value, json};

    fn parsed(by: &Value) -> Result<By, String> {
        let policy = json!({"limits": [{"name": "n", "by": by, "requests": 10, "window_seconds": 1}]});
        let policy = parse::<RateLimitPolicy>(policy.to_string().as_bytes());
        policy.map(|mut policy| policy.limits.remove(0).by).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn it_is_a_word_or_a_list_of_parts_and_is_written_as_it_was_read() {
        for (by, stage) in [
            (json!("address"), Stage::Address),
            (json!("all"), Stage::Address),
            (json!("identity"), Stage::Identity),
            (json!(["address", {"header": "x-tenant"}, {"query": "q"}, {"cookie": "sid"}]), Stage::Address),
            (json!(["route", "upstream", "method", "host", "path"]), Stage::Address),
            (json!([{"path_template": "/users/{id}"}]), Stage::Address),
            (json!(["method", "consumer"]), Stage::Identity),
            (json!(["api_key"]), Stage::Identity),
            (json!(["issuer", "subject"]), Stage::Identity),
            (json!([{"claim": "org.id"}, {"claim": ["a.b"]}]), Stage::Identity),
        ] {
            let read = parsed(&by).unwrap();
            assert_eq!((read.stage(), serde_json::to_value(&read).unwrap()), (stage, by));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_place() {
        for (by, refusal) in [
            (json!("moon"), "limits[0].by: unknown variant `moon`"),
            (json!(7), "limits[0].by: invalid type: integer `7`, expected address, identity, all, or a list"),
            (json!([]), "limits[0].by: needs 1 to 8 parts"),
            (json!(["moon"]), "limits[0].by[0]: unknown variant `moon`"),
            (json!(["route", "route"]), "limits[0].by[1]: stands twice"),
            (json!([{"header": "X"}]), "limits[0].by[0].header: 'X' is no header name"),
            (json!([{"header": "authorization"}]), "limits[0].by[0].header: 'authorization' holds"),
            (json!([{"header": "x-ferrox-consumer"}]), "limits[0].by[0].header: 'x-ferrox-consumer' is what"),
            (json!(["path", {"query": ""}]), "limits[0].by[1].query: must be 1 to 64"),
            (json!([{"cookie": "a=b"}]), "limits[0].by[0].cookie: must be 1 to 64"),
            (json!([{"claim": "a..b"}]), "limits[0].by[0].claim: must be 1 to 8 names"),
            (json!([{"path_template": "users"}]), "limits[0].by[0].path_template: must start with '/'"),
        ] {
            let refused = parsed(&by).unwrap_err();
            assert!(refused.starts_with(refusal), "{by}: {refused}");
        }
    }
}
