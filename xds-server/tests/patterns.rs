//! What Ferrox takes for a regular expression, the real Envoy takes too: one that it does not would cost a gateway all its
//! routes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

mod dry_run;

use envoy_types::pb::{
    envoy::{
        config::{
            bootstrap::v3::{Bootstrap, bootstrap::StaticResources},
            core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
            listener::v3::{Filter, FilterChain, Listener, filter},
            route::v3::{
                DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
                route_match::PathSpecifier,
            },
        },
        extensions::filters::{
            http::router::v3::Router,
            network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter, http_connection_manager::RouteSpecifier, http_filter,
            },
        },
        r#type::matcher::v3::RegexMatcher,
    },
    google::protobuf::Any,
};
use ferrox_xds_server::model::Pattern;
use proptest::prelude::*;
use prost::{Message, Name};

/// What Envoy says to routes by these regular expressions.
fn refusal(patterns: &[String]) -> Option<String> {
    let virtual_host = VirtualHost {
        name: "all".to_owned(),
        domains: vec!["*".to_owned()],
        routes: patterns.iter().map(|pattern| route(pattern)).collect(),
        ..VirtualHost::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: "test".to_owned(),
        route_specifier: Some(RouteSpecifier::RouteConfig(RouteConfiguration {
            virtual_hosts: vec![virtual_host],
            ..RouteConfiguration::default()
        })),
        http_filters: vec![HttpFilter {
            name: "router".to_owned(),
            config_type: Some(http_filter::ConfigType::TypedConfig(any(&Router::default()))),
            ..HttpFilter::default()
        }],
        ..HttpConnectionManager::default()
    };
    dry_run::refusal(&bootstrap(&manager))
}

fn route(pattern: &str) -> Route {
    let matcher = RegexMatcher { regex: pattern.to_owned(), ..RegexMatcher::default() };
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::SafeRegex(matcher)),
            ..RouteMatch::default()
        }),
        action: Some(Action::DirectResponse(DirectResponseAction {
            status: 200,
            ..DirectResponseAction::default()
        })),
        ..Route::default()
    }
}

fn bootstrap(manager: &HttpConnectionManager) -> Bootstrap {
    let filter = Filter {
        name: "manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(any(manager))),
    };
    let socket = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(0)),
        ..SocketAddress::default()
    };
    let listener = Listener {
        name: "listener".to_owned(),
        address: Some(Address { address: Some(address::Address::SocketAddress(socket)) }),
        filter_chains: vec![FilterChain { filters: vec![filter], ..FilterChain::default() }],
        ..Listener::default()
    };
    let resources = StaticResources { listeners: vec![listener], ..StaticResources::default() };
    Bootstrap { static_resources: Some(resources), ..Bootstrap::default() }
}

fn any<T: Message + Name>(message: &T) -> Any {
    Any { type_url: T::type_url(), value: message.encode_to_vec() }
}

/// Expressions that people write, between spaces.
const GOOD: &str = r#"
    / /users/[0-9]+ /users/\d+/orders/[a-z0-9-]+ /v[12]/(orders|users)(/.*)? /(?:a|b|c)/[^/]+
    /[\w.~-]+\.(jpg|png|gif) (?i)/readme /(?i:Readme) /[[:alpha:]][[:alnum:]_]* /[[:^digit:]]+ /[]a] /[^]a]
    /[a-] /a{3} /a{3,}b{1,4}c*?d+?e??f{2}? ^/a$ \A/a\z /a\b.* /\x41 /(|a)b (((((/)))))
"#;

/// Expressions that RE2 does not compile, between spaces.
const REFUSED_BY_RE2: &str = r#"
    /[--$] /(?=a) /(?!a) /(?<=a) /(?<!a) /(a)\1 /(?P=n) (?R)/ (?x)/a (?u)/ (?-u)/ (?i-)/ /(?#c) /(?>a) /(?|a) /\Z
    /\G /\R /\X /\u{41} /\u0041 /\8 /\e /\cA /\h /\K /\p{greek} /\p{Letter} /\p{Alphabetic}
    /\p{Script=Greek} /a** /a++ /a{2}{3} /a{1001} /(a{2}){600} /a{5,2} * /( /) /[z-a] /[[:foo:]]
"#;

/// Expressions that RE2 takes, but other engines for something else, or that are left out here, between spaces.
const REFUSED_HERE: &str = r#"
    /[a--/] /[--/] /[a&&b] /[a~~b] /[a[b]] /\<a /\>a /\b{start} /(?P<n>a) /(?<n>a) /\pL /\p{Greek} /[\pL] /é
    /a{,5} /a{ (?s)/. (?m)/^ (?U)/a+ /\x{e9} /\xe9
"#;

/// Expressions of which Envoy's program would be too large.
const TOO_LARGE: [&str; 4] = ["/[a-z0-9]{60}", "/a{97}", "/(a{10}){10}", "/.{1,49}"];

#[test]
fn what_people_write_is_taken_here_and_by_envoy() {
    let good: Vec<_> = GOOD.split_whitespace().map(str::to_owned).collect();
    for pattern in &good {
        assert_eq!(Pattern::parse(pattern).as_ref().map(Pattern::as_str), Ok(pattern.as_str()));
    }
    assert_eq!(refusal(&good), None);
}

#[test]
fn what_envoy_refuses_is_refused_here() {
    for pattern in REFUSED_BY_RE2.split_whitespace().chain(TOO_LARGE) {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        assert!(refusal(&[pattern.to_owned()]).is_some(), "Envoy takes {pattern}");
    }
    for pattern in REFUSED_HERE.split_whitespace().chain(["/a\n"]) {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
}

/// Expressions of pieces that are good, bad, or good in some places only.
fn pattern() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "B",
        "k",
        "/",
        "-",
        "_",
        ".",
        ".*",
        "^",
        "$",
        "|",
        "||",
        "(",
        "(?:",
        "(?i)",
        "(?i:",
        "(?-i:",
        ")",
        "()",
        "(a|b)",
        "(ab|ac|)",
        "*",
        "+",
        "?",
        "*?",
        "{2}",
        "{0}",
        "{0,3}",
        "{3,}",
        "{,2}",
        "{12}",
        "{1,5}",
        "{",
        "}",
        "[a-z]",
        "[^/]",
        "[a-zA-Z0-9_-]",
        "[",
        "]",
        "[]",
        "[^]",
        "[[:alpha:]]",
        "[[:^punct:]-]",
        r"[\d-x]",
        r"[\W]",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"\b",
        r"\B",
        r"\A",
        r"\z",
        r"\.",
        r"\/",
        r"\x41",
        r"\xff",
        r"\p",
        "&&",
        "~~",
        "--",
        "#",
        " ",
        r"\Q",
        r"\E",
        r"\",
        "<",
        ">",
        "=",
        "!",
        ":",
        ",",
        "1",
        "P<a>",
        "s",
        "K",
    ]);
    let balanced = prop::sample::select(vec![
        "a",
        "k",
        "(?i)",
        "[a-z]",
        "[^/]",
        r"\W",
        r"\d",
        "(a|b|)",
        "(?:a*)*",
        "(?:a?b*)+",
        ".",
        "x?",
        "^",
        r"\b",
        "",
        "|",
    ]);
    let balanced = balanced.prop_map(str::to_owned).prop_recursive(4, 24, 5, |inner| {
        let repeated =
            prop::sample::select(vec!["", "*", "+", "?", "+?", "{0}", "{2}", "{0,4}", "{3,}", "{5}"]);
        let group = prop::sample::select(vec!["(", "(?:", "(?i:"]);
        (prop::collection::vec(inner, 1..5), group, repeated)
            .prop_map(|(inner, group, repeated)| format!("{group}{}){repeated}", inner.concat()))
    });
    prop_oneof![
        prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(balanced, 1..4).prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_here_envoy_takes(patterns in prop::collection::vec(pattern(), 1..400)) {
        let taken: Vec<String> = patterns.into_iter().filter(|pattern| Pattern::parse(pattern).is_ok()).collect();
        prop_assert_eq!(refusal(&taken), None);
    }
}
