//! `ferrox key`.

use ferrox_testbed::upstream::Upstream;
use serde_json::{Value, json};

use super::{create, gateway, list, refusal, run, text, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_opens_its_routes_and_can_be_switched_off_and_revoked() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let first = create(&gateway, &["--name", "first"]).await;
    let second: Value = serde_json::from_str(&create(&gateway, &["--json"]).await).unwrap();
    let (second, sha256) = (second["key"].as_str().unwrap(), second["sha256"].as_str().unwrap());
    for key in [&first, second] {
        assert!(key.starts_with("fx_") && key.len() == 42, "{key}");
        until(&gateway, "/orders", key, 200).await;
    }
    let listed = text(run(&gateway, &["list", "--consumer", "acme"]).await);
    assert!(
        listed.contains("first") && listed.contains(&sha256[..16]) && !listed.contains("fx_"),
        "{listed}"
    );
    assert_eq!(text(run(&gateway, &["list", "--consumer", "nobody"]).await).lines().count(), 1);

    assert_eq!(text(run(&gateway, &["disable", &sha256[..8]]).await), sha256);
    until(&gateway, "/orders", second, 401).await;
    until(&gateway, "/orders", &first, 200).await;
    text(run(&gateway, &["enable", sha256]).await);
    until(&gateway, "/orders", second, 200).await;

    // By the key itself, which stands in no argument.
    text(gateway.ferrox_fed(&["key", "revoke", "-"], &format!("{second}\n")).await.unwrap());
    until(&gateway, "/orders", second, 401).await;
    let told = refusal(run(&gateway, &["revoke", sha256]).await);
    assert!(told.contains("there is no such key"), "{told}");
    let told = refusal(run(&gateway, &["revoke", &first]).await);
    assert!(told.contains("at least 8 hex digits") && !told.contains(&first), "{told}");
    assert_eq!(list(&gateway).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_would_make_no_sense_is_refused_and_nothing_is_written() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    for (options, reason) in [
        (&["--consumer", "nobody"][..], "there is no consumer 'nobody'"),
        (&["--consumer", "acme", "--scope", "admin"], "field scopes[0]: is none of the consumer's"),
        (&["--consumer", "acme", "--route", "nowhere"], "field routes[0]: there is no route 'nowhere'"),
        (&["--consumer", "acme", "--expires-in", "90"], "must be a whole number"),
        (&["--consumer", "acme", "--expires-at", "tomorrow"], "must be a time with its zone"),
        (
            &[
                "--consumer",
                "acme",
                "--expires-at",
                "2030-01-01T00:00:00Z",
                "--not-before",
                "2031-01-01T00:00:00Z",
            ],
            "field expires_at: must be after not_before",
        ),
        (
            &["--consumer", "acme", "--expires-at", "2107-01-01T00:00:00Z"],
            "field expires_at: must be at most",
        ),
    ] {
        let told = refusal(run(&gateway, &[&["create"], options].concat()).await);
        assert!(told.contains(reason), "{told}");
    }
    assert_eq!(list(&gateway).await, [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_from_elsewhere_are_imported_all_or_none() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let import = async |lines: &str| {
        let args = ["key", "import", "--consumer", "acme", "--route", "orders"];
        gateway.ferrox_fed(&args, lines).await.unwrap()
    };
    let told = refusal(import("sk-0123456789abcdef\nshort\n").await);
    assert!(told.contains("line 2 of the standard input is no key"), "{told}");
    assert_eq!(list(&gateway).await.len(), 0);
    assert_eq!(text(import("sk-0123456789abcdef\nsk-fedcba9876543210\n").await), "2 keys");
    until(&gateway, "/orders", "sk-fedcba9876543210", 200).await;
    let told = refusal(import("sk-0123456789abcdef\nsk-another-key-0123\n").await);
    assert!(told.contains("of 2 keys 1 are known already"), "{told}");
    let listed = list(&gateway).await;
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|key| key["routes"] == json!(["orders"]) && key.get("key").is_none()));
}
