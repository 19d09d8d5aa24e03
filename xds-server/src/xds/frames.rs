//! A response as a gRPC message in frames of the HTTP body.
//!
//! The bytes of a resource are shared by all streams, and a large one is a frame of its own: it is copied nowhere before
//! the socket. Each frame has its cost as well, so small ones are copied together, one frame at a time, when it is sent.

use std::{iter::once, vec};

use bytes::Bytes;
use tonic::Status;

/// Least bytes of what is not copied.
const SHARED_FROM: usize = 4 << 10;

/// Most bytes of what is copied into one frame: the payload that an HTTP/2 frame has unless the client asks for larger ones
/// (RFC 9113, 4.2).
const COPIED_AT_MOST: usize = 16 << 10;

/// The flag of a message that is not compressed (gRPC over HTTP/2, "Compressed-Flag").
const NOT_COMPRESSED: u8 = 0;

/// A response is larger than a gRPC message can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response would have {0} bytes, and a gRPC message can have no more than 4 GiB")]
pub(super) struct TooLarge(usize);

impl From<TooLarge> for Status {
    fn from(error: TooLarge) -> Self {
        Self::resource_exhausted(error.to_string())
    }
}

/// The frames of one message, made as they are taken.
pub(super) struct Frames {
    pieces: vec::IntoIter<Bytes>,
}

impl Frames {
    /// The frames of the message whose encoding is that of some fields, followed by that of the resources.
    pub(super) fn new<'a>(
        fields: Vec<u8>,
        resources: impl Iterator<Item = &'a Bytes> + Clone,
    ) -> Result<Self, TooLarge> {
        let length = fields.len() + resources.clone().map(Bytes::len).sum::<usize>();
        let prefix_length = u32::try_from(length).map_err(|_| TooLarge(length))?.to_be_bytes();
        let prefix = once(NOT_COMPRESSED).chain(prefix_length).collect();
        let pieces: Vec<_> = [prefix, Bytes::from(fields)].into_iter().chain(resources.cloned()).collect();
        Ok(Self { pieces: pieces.into_iter() })
    }
}

impl Iterator for Frames {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let small = count_of_small(self.pieces.as_slice());
        if small < 2 {
            return self.pieces.next();
        }
        let length = self.pieces.as_slice().iter().take(small).map(Bytes::len).sum();
        let mut frame = Vec::with_capacity(length);
        for piece in self.pieces.by_ref().take(small) {
            frame.extend_from_slice(&piece);
        }
        Some(frame.into())
    }
}

/// How many of the first pieces are copied together.
fn count_of_small(pieces: &[Bytes]) -> usize {
    let mut length = 0;
    let small = pieces.iter().take_while(|piece| {
        length += piece.len();
        piece.len() < SHARED_FROM && length <= COPIED_AT_MOST
    });
    small.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(fields: &[u8], resources: &[Bytes]) -> Vec<Bytes> {
        Frames::new(fields.to_vec(), resources.iter()).unwrap().collect()
    }

    fn of_sizes(sizes: &[usize]) -> Vec<Bytes> {
        let content = |(n, size): (usize, &usize)| Bytes::from(vec![u8::try_from(n % 251).unwrap(); *size]);
        sizes.iter().enumerate().map(content).collect()
    }

    fn is_shared(frame: &Bytes, resource: &Bytes) -> bool {
        frame.as_ptr_range() == resource.as_ptr_range()
    }

    #[test]
    fn a_large_resource_is_a_frame_of_its_own_and_is_not_copied() {
        let resources = of_sizes(&[10, SHARED_FROM, 5 << 20, 10]);
        let frames = frames(b"fields", &resources);
        let sizes: Vec<_> = frames.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [5 + 6 + 10, SHARED_FROM, 5 << 20, 10]);
        assert!(is_shared(&frames[1], &resources[1]) && is_shared(&frames[2], &resources[2]));
    }

    #[test]
    fn many_small_resources_fill_few_frames() {
        let resources = of_sizes(&[100; 10_000]);
        let frames = frames(b"fields", &resources);
        assert_eq!(frames.len(), (10_000 * 100_usize).div_ceil(COPIED_AT_MOST - 100));
        assert!(frames.iter().all(|frame| frame.len() <= COPIED_AT_MOST));
    }

    #[test]
    fn what_is_left_of_a_message_is_all_that_is_kept() {
        let resources = of_sizes(&[5 << 20, 100]);
        let mut frames = Frames::new(Vec::new(), resources.iter()).unwrap();
        drop(frames.by_ref().take(2).collect::<Vec<_>>());
        assert!(resources[0].is_unique() && !resources[1].is_unique());
    }

    #[test]
    fn a_message_whose_length_has_no_place_in_the_prefix_is_refused() {
        let resource = Bytes::from(vec![0; 1 << 20]);
        let resources = || std::iter::repeat_n(&resource, 4096);
        assert!(Frames::new(Vec::new(), resources().skip(1)).is_ok());
        let status = Status::from(Frames::new(Vec::new(), resources()).err().unwrap());
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    }

    fn size() -> impl Strategy<Value = usize> {
        let around = |limit: usize| limit - 2..limit + 3;
        prop_oneof![0..300_usize, around(SHARED_FROM), around(COPIED_AT_MOST), around(COPIED_AT_MOST / 5)]
    }

    proptest! {
        #[test]
        fn the_frames_are_the_message_in_few_pieces(
            fields in size(),
            sizes in prop::collection::vec(size(), 0..60),
        ) {
            let (fields, resources) = (vec![255; fields], of_sizes(&sizes));
            let frames = frames(&fields, &resources);
            let message = [fields.clone(), resources.concat()].concat();
            let prefix = [&[0], u32::try_from(message.len()).unwrap().to_be_bytes().as_slice()].concat();
            prop_assert_eq!(frames.concat(), [prefix, message].concat());

            let is_in = |frames: &[Bytes], wanted: &Bytes| frames.iter().any(|frame| is_shared(frame, wanted));
            let mut large = resources.iter().filter(|resource| resource.len() >= SHARED_FROM);
            prop_assert!(large.all(|resource| is_in(&frames, resource)));
            let mut copied = frames.iter().filter(|frame| !is_in(&resources, frame) && **frame != fields);
            prop_assert!(copied.all(|frame| frame.len() <= COPIED_AT_MOST));
            let mut pairs = frames.windows(2);
            prop_assert!(!pairs.any(|pair| pair.iter().all(|frame| frame.len() < SHARED_FROM)));
        }
    }
}
