//! What an entry is known by: everything that may change the answer to a request.

use ferrox_host::Headers;
use ferrox_policy::{cache::CachePolicy, identity::Identity, key::Key};

use crate::request::Target;

/// The key of a request on a route.
///
/// The scopes of an identity are part of it although one person's tokens differ only in them: the upstream sees
/// the scopes too and may answer by them.
pub(crate) fn key(
    route: Option<&[u8]>,
    target: &Target<'_>,
    headers: &Headers,
    policy: &CachePolicy,
    identity: Option<&Identity>,
) -> Key {
    let (path, query) = split_query(target.path);
    let key = Key::new("cache")
        .optional(route)
        .part(target.method.as_str())
        .part(target.scheme)
        .part(target.authority.to_ascii_lowercase())
        .part(path)
        .optional(query)
        // With their names, so that a policy that chooses other headers finds none of the old entries.
        .list(policy.headers.iter());
    let key = policy.headers.iter().fold(key, |key, name| {
        let values: Vec<&[u8]> = headers.all(name).collect();
        key.list(values.into_iter())
    });
    if policy.shared {
        return key.part("shared");
    }
    let scopes = identity.map(|identity| sorted(&identity.scopes)).unwrap_or_default();
    Identity::append_to(identity, key.part("own")).list(scopes.into_iter())
}

/// Path and query as they stand; a query that is not there differs from an empty one.
fn split_query(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = path.splitn(2, |b| *b == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

fn sorted(scopes: &[String]) -> Vec<&String> {
    let mut scopes: Vec<&String> = scopes.iter().collect();
    scopes.sort();
    scopes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::Method;

    /// A request as a test writes it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Asked {
        route: Option<String>,
        head: bool,
        scheme: String,
        authority: String,
        path: String,
        /// Values of the header `a` of the policy, and of `b`.
        a: Vec<String>,
        b: Vec<String>,
        identity: Option<Identity>,
    }

    fn asked() -> Asked {
        Asked {
            route: Some("r".to_owned()),
            head: false,
            scheme: "https".to_owned(),
            authority: "h".to_owned(),
            path: "/p".to_owned(),
            a: vec![],
            b: vec![],
            identity: None,
        }
    }

    fn key_under(asked: &Asked, policy: &CachePolicy) -> Key {
        let target = Target {
            method: if asked.head { Method::Head } else { Method::Get },
            scheme: asked.scheme.as_bytes(),
            authority: asked.authority.as_bytes(),
            path: asked.path.as_bytes(),
        };
        let a = asked.a.iter().map(|value| ("a", value.as_str()));
        let headers = a.chain(asked.b.iter().map(|value| ("b", value.as_str()))).collect();
        key(asked.route.as_deref().map(str::as_bytes), &target, &headers, policy, asked.identity.as_ref())
    }

    fn policy(headers: &[&str]) -> CachePolicy {
        CachePolicy {
            headers: headers.iter().map(|name| (*name).to_owned()).collect(),
            ..CachePolicy::default()
        }
    }

    fn key_of(asked: &Asked) -> Key {
        key_under(asked, &policy(&["a", "b"]))
    }

    fn person(subject: &str, scopes: &[&str]) -> Option<Identity> {
        Some(Identity {
            issuer: Some("i".to_owned()),
            subject: Some(subject.to_owned()),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..Identity::default()
        })
    }

    #[test]
    fn a_host_has_no_case_but_a_path_does() {
        let key = |authority: &str, path: &str| {
            key_of(&Asked { authority: authority.to_owned(), path: path.to_owned(), ..asked() })
        };
        assert_eq!(key("EXAMPLE.com", "/p"), key("example.COM", "/p"));
        assert_ne!(key("h", "/p"), key("h", "/P"));
    }

    #[test]
    fn no_query_differs_from_an_empty_one() {
        let key = |path: &str| key_of(&Asked { path: path.to_owned(), ..asked() });
        assert_ne!(key("/p"), key("/p?"));
        assert_ne!(key("/p?a"), key("/p?a?"));
    }

    #[test]
    fn a_header_that_is_not_there_differs_from_an_empty_one_and_two_from_one() {
        let key = |values: &[&str]| {
            key_of(&Asked { a: values.iter().map(|value| (*value).to_owned()).collect(), ..asked() })
        };
        let keys = [key(&[]), key(&[""]), key(&["x"]), key(&["x", "y"]), key(&["x,y"]), key(&["y", "x"])];
        for (index, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(index + 1).all(|other| one != other), "{keys:?}");
        }
    }

    #[test]
    fn the_same_value_of_another_header_is_another_key() {
        let both = Asked { a: vec!["x".to_owned()], b: vec!["x".to_owned()], ..asked() };
        assert_ne!(key_under(&both, &policy(&["a"])), key_under(&both, &policy(&["b"])));
    }

    #[test]
    fn identities_share_a_key_only_where_the_policy_says_so() {
        let people = [None, person("ann", &[]), person("bob", &[]), person("ann", &["read"])];
        let asked = people.map(|identity| Asked { identity, ..asked() });
        let shared = CachePolicy { shared: true, ..policy(&[]) };
        for (index, one) in asked.iter().enumerate() {
            for other in asked.iter().skip(index + 1) {
                assert_ne!(key_under(one, &policy(&[])), key_under(other, &policy(&[])));
                assert_eq!(key_under(one, &shared), key_under(other, &shared));
            }
            assert_ne!(key_under(one, &policy(&[])), key_under(one, &shared));
        }
    }

    #[test]
    fn the_order_of_scopes_means_nothing() {
        let key = |scopes: &[&str]| key_of(&Asked { identity: person("ann", scopes), ..asked() });
        assert_eq!(key(&["read", "write"]), key(&["write", "read"]));
    }

    prop_compose! {
        fn any_identity()(consumer in prop::option::of("[ab|:0-9]{0,2}"), subject in prop::option::of("[ab|-]{0,2}"),
            scopes in prop::collection::vec("[ab]{1,2}", 0..2)) -> Identity {
            Identity { consumer, subject, scopes, ..Identity::default() }
        }
    }

    prop_compose! {
        fn any_request()(
            route in prop::option::of("[r|-]{0,2}"), head in any::<bool>(), scheme in "https?",
            authority in "[ab:]{0,2}", path in "/[ab?|:1-3]{0,3}",
            a in prop::collection::vec("[ab|:0-2]{0,2}", 0..3), b in prop::collection::vec("[ab|:0-2]{0,2}", 0..3),
            identity in prop::option::of(any_identity()),
        ) -> Asked {
            Asked { route, head, scheme, authority, path, a, b, identity }
        }
    }

    proptest! {
        #[test]
        fn different_requests_have_different_keys(one in any_request(), other in any_request()) {
            prop_assert_eq!(key_of(&one) == key_of(&other), one == other);
        }

        /// Two requests that differ in one thing only are likelier to be mixed up.
        #[test]
        fn every_part_counts(one in any_request(), other in any_request(), which in 0..8_u8) {
            let mut changed = one.clone();
            match which {
                0 => changed.route = other.route,
                1 => changed.head = other.head,
                2 => changed.scheme = other.scheme,
                3 => changed.authority = other.authority,
                4 => changed.path = other.path,
                5 => changed.a = other.a,
                6 => changed.b = other.b,
                _ => changed.identity = other.identity,
            }
            prop_assert_eq!(key_of(&one) == key_of(&changed), one == changed);
        }
    }
}
