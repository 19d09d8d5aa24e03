//! Cache entries: opaque bytes that expire.

use crate::{
    redis_server::RedisServer,
    testbed::{Answer, Testbed, until},
};

const NAME: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn stored() -> Answer {
    Answer { status: 204, body: String::new() }
}

#[tokio::test]
async fn an_entry_comes_back_byte_for_byte() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    assert_eq!(testbed.put(NAME, "60", &every_byte).await, stored());
    assert_eq!(testbed.entry_bytes(NAME).await, every_byte);

    assert_eq!(testbed.put(NAME, "60", b"").await, stored());
    assert_eq!(testbed.entry_bytes(NAME).await, b"", "an empty entry is an entry");
}

#[tokio::test]
async fn an_entry_expires_with_its_ttl() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    assert_eq!(testbed.put(NAME, "31536000", b"x").await, stored());
    let ttl = redis.run::<u64>(&format!("TTL ferrox:1:cache:{NAME}"));
    assert!((31_535_000..=31_536_000).contains(&ttl), "{ttl}");

    assert_eq!(testbed.put(NAME, "1", b"x").await, stored());
    let path = format!("/v1/cache/{NAME}");
    until("the entry expires", async || testbed.get(&path).await.status == 404).await;
}

#[tokio::test]
async fn an_entry_that_is_not_there_gets_404() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let answer = testbed.get(&format!("/v1/cache/{NAME}")).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "there is no such entry"));
}

#[tokio::test]
async fn a_name_that_is_no_digest_gets_400() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    for name in [&NAME[1..], &NAME.to_uppercase(), &format!("{}%0A", &NAME[1..]), &NAME.replace('a', "g")] {
        let answer = testbed.get(&format!("/v1/cache/{name}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, "the name must be 64 lower-case hex digits"));
        assert_eq!(testbed.put(name, "60", b"x").await.status, 400);
    }
}

#[tokio::test]
async fn a_ttl_out_of_range_gets_400() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    for ttl in ["0", "31536001", "-1", "1.5", ""] {
        let answer = testbed.put(NAME, ttl, b"x").await;
        assert_eq!(answer.status, 400, "{ttl}");
        assert_eq!(answer.body, "x-ferrox-ttl must be 1 to 31536000 seconds");
    }
    let without = testbed.client.put(testbed.entry(NAME)).body("x").send().await.unwrap();
    assert_eq!(without.status().as_u16(), 400);
    assert!(!redis.run::<bool>(&format!("EXISTS ferrox:1:cache:{NAME}")));
}

#[tokio::test]
async fn an_entry_that_is_too_large_gets_413_and_is_not_stored() {
    let redis = RedisServer::start();
    let testbed = Testbed::start_with(&redis.url(), &["--max-entry-bytes", "1000"]).await;
    testbed.until_ready().await;
    assert_eq!(testbed.put(NAME, "60", &[0; 1001]).await.status, 413);
    assert!(!redis.run::<bool>(&format!("EXISTS ferrox:1:cache:{NAME}")));
    assert_eq!(testbed.put(NAME, "60", &[0; 1000]).await, stored());
}
