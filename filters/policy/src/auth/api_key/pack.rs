//! Packing grants into the form that is shipped.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    KeyGrant, KeySet, Terms,
    wire::{Block, IN_BLOCK, Record},
};
use crate::{Invalid, auth::Consumer};

/// Longest text of names, in bytes: an offset in it has 16 bits.
const MAX_TEXT: usize = u16::MAX as usize;

impl KeySet {
    /// Packs keys, in whatever order they come: the same keys make the same set. Of a consumer the name and the scopes count, and
    /// only those who hold one of the keys are in the set.
    ///
    /// # Errors
    /// The first grant that is wrong by its index, as `[i].scopes[j]`, and the reason: what [`KeyGrant::check_for`]
    /// refuses, a consumer that is not there, a digest that stands twice.
    pub fn pack(consumers: &[Consumer], grants: &[KeyGrant]) -> Result<Self, Invalid> {
        let holders: BTreeMap<_, _> =
            consumers.iter().map(|consumer| (consumer.name.as_str(), consumer)).collect();
        let mut packed = Vec::with_capacity(grants.len());
        let mut digests = BTreeSet::new();
        for (index, grant) in grants.iter().enumerate() {
            let within = |invalid: Invalid| invalid.within(&format!("[{index}]"));
            let holder = holders.get(grant.consumer.as_str()).ok_or_else(|| {
                within(Invalid::new("consumer", format!("there is no consumer '{}'", grant.consumer)))
            })?;
            if !digests.insert(grant.sha256) {
                return Err(within(Invalid::new("sha256", "stands twice")));
            }
            grant.check_for(holder).map_err(within)?;
            packed.push((grant, terms(grant, holder)));
        }
        packed.sort_unstable_by_key(|(grant, _)| grant.sha256);
        assemble(&packed)
    }
}

fn terms(grant: &KeyGrant, holder: &Consumer) -> Terms {
    let scopes = grant.scopes.as_ref().unwrap_or(&holder.scopes);
    Terms { scopes: scopes.clone(), routes: grant.routes.clone(), disabled: grant.disabled }
}

fn assemble(packed: &[(&KeyGrant, Terms)]) -> Result<KeySet, Invalid> {
    let mut names = Names::default();
    let consumers: BTreeSet<_> = packed.iter().map(|(grant, _)| grant.consumer.as_str()).collect();
    consumers.into_iter().try_for_each(|name| names.add(name))?;
    let mut terms: BTreeMap<&Terms, u32> = packed.iter().map(|(_, terms)| (terms, 0)).collect();
    for (number, place) in (0..).zip(terms.values_mut()) {
        *place = number;
    }
    let record = |(grant, its): &(&KeyGrant, Terms)| Record {
        sha256: grant.sha256,
        consumer: names.places.get(grant.consumer.as_str()).copied().unwrap_or_default(),
        terms: terms.get(its).copied().unwrap_or_default(),
        not_before: grant.not_before.map_or(0, seconds),
        expires: grant.expires.map_or(u32::MAX, seconds),
    };
    let records: Vec<_> = packed.iter().map(record).collect();
    let terms = terms.into_keys().cloned().collect();
    Ok(KeySet {
        consumers: names.texts.into_iter().map(String::into_boxed_str).collect(),
        terms,
        records: records.chunks(IN_BLOCK).map(Block::new).collect(),
    })
}

/// The grant's check keeps times below the greatest number.
fn seconds(time: u64) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}

/// Names in texts, and where each stands.
#[derive(Default)]
struct Names<'n> {
    texts: Vec<String>,
    places: BTreeMap<&'n str, u32>,
}

impl<'n> Names<'n> {
    fn add(&mut self, name: &'n str) -> Result<(), Invalid> {
        if name.len() > MAX_TEXT {
            return Err(Invalid::new("consumers", format!("a name is longer than {MAX_TEXT} bytes")));
        }
        match self.texts.last_mut() {
            Some(text) if text.len() + 1 + name.len() <= MAX_TEXT => text.push(' '),
            _ => self.texts.push(String::new()),
        }
        if let [others @ .., text] = self.texts.as_mut_slice() {
            let place = u32::try_from(others.len() << 16 | text.len());
            self.places.insert(name, place.map_err(|_| Invalid::new("consumers", "are too many"))?);
            text.push_str(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::KeyDigest;

    fn consumer(name: &str, scopes: &[&str]) -> Consumer {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Consumer { name: name.to_owned(), scopes, key_sha256: Vec::new(), keys: Vec::new() }
    }

    fn grant(key: &str, consumer: &str) -> KeyGrant {
        KeyGrant::unlimited(KeyDigest::of(key.as_bytes()), consumer)
    }

    #[test]
    fn the_order_of_what_is_packed_does_not_matter() {
        let consumers = [consumer("a", &["x"]), consumer("b", &[]), consumer("keyless", &[])];
        let grants = [grant("1", "b"), grant("2", "a"), grant("3", "a")];
        let reversed = |mut grants: [KeyGrant; 3]| {
            grants.reverse();
            grants
        };
        let set = KeySet::pack(&consumers, &grants).unwrap();
        assert_eq!(KeySet::pack(&consumers, &reversed(grants)).unwrap(), set);
        assert_eq!(set.consumers, ["a b".into()], "who has no key is not shipped");
        assert_eq!((set.len(), set.terms.len()), (3, 2));
    }

    #[test]
    fn a_wrong_grant_is_named_by_its_place() {
        let consumers = [consumer("a", &["x"])];
        let refusal =
            |second: KeyGrant| KeySet::pack(&consumers, &[grant("1", "a"), second]).unwrap_err().to_string();
        assert_eq!(refusal(grant("2", "b")), "[1].consumer: there is no consumer 'b'");
        assert_eq!(refusal(grant("1", "a")), "[1].sha256: stands twice");
        let wider = KeyGrant { scopes: Some(vec!["x".to_owned(), "y".to_owned()]), ..grant("2", "a") };
        assert_eq!(refusal(wider), "[1].scopes[1]: is none of the consumer's");
        assert_eq!(
            refusal(KeyGrant { expires: Some(u64::MAX), ..grant("2", "a") }),
            "[1].expires: must be at most 4294967294, in February 2106"
        );
    }

    #[test]
    fn names_that_fill_a_text_begin_another() {
        let names = ["a", "b", "c"].map(|name| name.repeat(MAX_TEXT / 2));
        let consumers = [0, 1, 2].map(|index| consumer(&names[index], &[]));
        let grants = [0, 1, 2].map(|index| grant(&index.to_string(), &names[index]));
        let set = KeySet::pack(&consumers, &grants).unwrap();
        assert_eq!(set.consumers.iter().map(|text| text.len()).collect::<Vec<_>>(), [MAX_TEXT, MAX_TEXT / 2]);
        for grant in &grants {
            assert_eq!(set.find(&grant.sha256).unwrap().consumer, grant.consumer);
        }
        let long = "d".repeat(MAX_TEXT + 1);
        let refusal = KeySet::pack(&[consumer(&long, &[])], &[grant("d", &long)]).unwrap_err();
        assert_eq!(refusal.to_string(), "consumers: a name is longer than 65535 bytes");
    }
}
