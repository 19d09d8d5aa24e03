//! The slots of a Redis Cluster: which key is in which, and which node has it (Redis Cluster specification, "Key
//! distribution model").

use std::fmt;

use redis::{FromRedisValue, Value};

const SLOTS: u16 = 16_384;

/// The slot of a key. Of a key with a hash tag, `{tag}`, only the tag counts.
pub(crate) fn slot(key: &[u8]) -> u16 {
    crc16(tag(key).unwrap_or(key)) % SLOTS
}

/// What is between the first `{` and the first `}` after it, if anything is.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|b| *b == b'{')?;
    let after = key.get(open + 1..)?;
    let close = after.iter().position(|b| *b == b'}')?;
    after.get(..close).filter(|tag| !tag.is_empty())
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// Host and port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Some slots in a row, and the primary that has them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) primary: Node,
}

/// Reads the answer to `CLUSTER SLOTS`. `asked` is the host that gave it, which a node without a name of its own is at.
/// `None` if the answer makes no sense. A primary whose address the node does not know yet is left out.
pub(crate) fn ranges(answer: Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(rows) = answer else { return None };
    let read = rows.into_iter().map(|row| range(row, asked)).collect::<Option<Vec<_>>>()?;
    Some(read.into_iter().filter(|range| range.primary.host != "?").collect())
}

fn range(row: Value, asked: &str) -> Option<Range> {
    let Value::Array(row) = row else { return None };
    let mut row = row.into_iter();
    let first = u16::from_redis_value(row.next()?).ok()?;
    let last = u16::from_redis_value(row.next()?).ok()?;
    let Value::Array(primary) = row.next()? else { return None };
    let mut primary = primary.into_iter();
    let host: Option<String> = Option::from_redis_value(primary.next()?).ok()?;
    let port = u16::from_redis_value(primary.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| asked.to_owned());
    (first <= last && last < SLOTS).then_some(Range { first, last, primary: Node { host, port } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_of_a_key_is_that_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"{user1000}.followers"));
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
        for whole in ["foo{}{bar}", "foo{bar", "foo}bar{"] {
            assert_eq!(slot(whole.as_bytes()), crc16(whole.as_bytes()) % SLOTS, "{whole}");
        }
    }

    fn parsed(answer: &str) -> Option<Vec<Range>> {
        ranges(redis::parse_redis_value(answer.replace(' ', "\r\n").as_bytes()).unwrap(), "asked")
    }

    #[test]
    fn a_node_without_a_name_is_where_the_answer_came_from() {
        let ranges = parsed("*2 *3 :0 :9 *2 $1 a :7 *3 :10 :16383 *2 $-1 :8 ").unwrap();
        let node = |host: &str, port| Node { host: host.to_owned(), port };
        assert_eq!(ranges[0], Range { first: 0, last: 9, primary: node("a", 7) });
        assert_eq!(ranges[1], Range { first: 10, last: 16_383, primary: node("asked", 8) });
        assert_eq!(parsed("*1 *3 :0 :9 *2 $1 ? :7 "), Some(vec![]));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_none() {
        for answer in
            [":1 ", "*1 :1 ", "*1 *2 :0 :1 ", "*1 *3 :0 :16384 *2 $1 a :7 ", "*1 *3 :1 :0 *2 $1 a :7 "]
        {
            assert_eq!(parsed(answer), None, "{answer}");
        }
    }
}
