//! What was made of parts of the model, so that it is made again only of parts that have changed.

use std::{collections::HashMap, sync::Arc};

/// Products by the part of the model that they were made of. A part is the same as long as its `Arc` is.
pub(super) struct Memo<I, O> {
    before: Products<I, O>,
    now: Products<I, O>,
}

/// By address, which stays taken while the `Arc` is kept.
type Products<I, O> = HashMap<usize, (Arc<I>, O)>;

impl<I, O: Clone> Memo<I, O> {
    pub(super) fn new() -> Self {
        Self { before: HashMap::new(), now: HashMap::new() }
    }

    /// The product of a part: that of the last turn, or a new one.
    pub(super) fn of(&mut self, part: &Arc<I>, make: impl FnOnce(&I) -> O) -> O {
        let address = Arc::as_ptr(part).addr();
        let product = match self.before.remove(&address) {
            Some((_, product)) => product,
            None => make(part),
        };
        self.now.insert(address, (Arc::clone(part), product.clone()));
        product
    }

    /// Begins another turn. What was not asked for in the last one is forgotten.
    pub(super) fn turn(&mut self) {
        self.before = std::mem::take(&mut self.now);
        self.now.reserve(self.before.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_made_again() {
        let mut memo = Memo::new();
        let mut made = Vec::new();
        let (a, b) = (Arc::new('a'), Arc::new('b'));
        let mut turn = |parts: &[&Arc<char>]| {
            memo.turn();
            parts
                .iter()
                .map(|part| {
                    memo.of(part, |part| {
                        made.push(*part);
                        part.to_ascii_uppercase()
                    })
                })
                .collect::<String>()
        };
        assert_eq!(turn(&[&a, &b]), "AB");
        assert_eq!(turn(&[&b]), "B");
        assert_eq!(turn(&[&a, &b, &Arc::new('b')]), "ABB");
        assert_eq!(made, ['a', 'b', 'a', 'b']);
    }
}
