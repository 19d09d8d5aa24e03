//! Fields that are a word or a list. By hand, since what serde says of untagged types names neither the field nor the reason.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

/// What was read.
pub(super) enum WordOrList<W, I> {
    Word(W),
    List(Vec<I>),
}

/// Reads either; `expected` says what, for who wrote something else.
pub(super) fn read<'de, D, W, I>(
    deserializer: D,
    expected: &'static str,
) -> Result<WordOrList<W, I>, D::Error>
where
    D: Deserializer<'de>,
    W: Deserialize<'de>,
    I: Deserialize<'de>,
{
    deserializer.deserialize_any(Visitor { expected, of: PhantomData })
}

struct Visitor<W, I> {
    expected: &'static str,
    of: PhantomData<(W, I)>,
}

impl<'de, W: Deserialize<'de>, I: Deserialize<'de>> de::Visitor<'de> for Visitor<W, I> {
    type Value = WordOrList<W, I>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
        W::deserialize(de::value::StrDeserializer::new(word)).map(WordOrList::Word)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(WordOrList::List)
    }
}
