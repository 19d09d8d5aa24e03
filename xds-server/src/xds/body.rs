//! The body of a stream's HTTP response, and the way of gRPC messages into it.
//!
//! It takes one response at a time: there is a turn for the next one when all frames of the last one went to HTTP/2 and more
//! could follow. So nothing queues up for a slow client, and nothing is kept for one that has taken everything.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Bytes, HttpBody},
    http::HeaderMap,
};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::Status;

use super::frames::Frames;

/// A response, which holds its turn for as long as there is something of it, or why there are no more.
type Item = Result<(Frames, OwnedSemaphorePermit), Status>;

/// Where responses go in, and where their frames come out.
pub(super) fn channel() -> (Responses, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let turns = Arc::new(Semaphore::new(1));
    (Responses { sender, turns }, Body { receiver, response: None, has_ended: false })
}

/// Takes the responses to one client. When it is dropped, the stream ends well.
pub(super) struct Responses {
    /// Holds one response and one status at most, since there is only one turn.
    sender: mpsc::UnboundedSender<Item>,
    turns: Arc<Semaphore>,
}

impl Responses {
    /// Waits until the client can take a response; `None` if it is gone.
    pub(super) async fn turn(&self) -> Option<Turn<'_>> {
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        // A body that is dropped gives back the turn.
        (!self.sender.is_closed()).then_some(Turn { sender: &self.sender, permit })
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }

    /// Ends the stream with a status, after what was sent before.
    pub(super) fn end(self, status: Status) {
        // The client may be gone; then nobody needs the status.
        let _ = self.sender.send(Err(status));
    }
}

/// The turn of one response.
pub(super) struct Turn<'a> {
    sender: &'a mpsc::UnboundedSender<Item>,
    permit: OwnedSemaphorePermit,
}

impl Turn<'_> {
    /// Sends the response.
    pub(super) fn send(self, response: Frames) {
        // If the client is gone, the next turn says so.
        let _ = self.sender.send(Ok((response, self.permit)));
    }
}

/// The body: the frames of all responses, and the status in the trailers.
pub(super) struct Body {
    // Stands before the response, so that it is closed when the turn is given back.
    receiver: mpsc::UnboundedReceiver<Item>,
    response: Option<(Frames, OwnedSemaphorePermit)>,
    has_ended: bool,
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        loop {
            if let Some(frame) = self.response.as_mut().and_then(|(frames, _)| frames.next()) {
                return Poll::Ready(Some(Ok(Frame::data(frame))));
            }
            self.response = None;
            match ready!(self.receiver.poll_recv(context)) {
                Some(Ok(response)) => self.response = Some(response),
                Some(Err(status)) => return Poll::Ready(Some(self.end(&status))),
                None => return Poll::Ready(Some(self.end(&Status::ok("")))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}

impl Body {
    fn end(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        self.has_ended = true;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, future::poll_fn};

    /// The frames of a response with resources that are not copied, which are three.
    fn response() -> Frames {
        let resource = Bytes::from(vec![0; 1 << 20]);
        Frames::new(Vec::new(), [&resource, &resource].into_iter()).unwrap()
    }

    async fn frame(body: &mut Body) -> Option<Frame<Bytes>> {
        poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await.map(Result::unwrap)
    }

    async fn trailers(body: &mut Body) -> HeaderMap {
        frame(body).await.unwrap().into_trailers().unwrap()
    }

    #[tokio::test]
    async fn there_is_a_turn_only_when_everything_is_taken_and_more_is_asked_for() {
        let (responses, mut body) = channel();
        responses.turn().await.unwrap().send(response());
        for _ in 0..3 {
            assert!(responses.turn().now_or_never().is_none());
            assert!(frame(&mut body).await.unwrap().is_data());
        }
        assert!(responses.turn().now_or_never().is_none(), "the last frame may still wait for the client");
        assert!(frame(&mut body).now_or_never().is_none());
        assert!(responses.turn().now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn a_turn_that_is_not_used_comes_again() {
        let (responses, _body) = channel();
        drop(responses.turn().await);
        assert!(responses.turn().now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn a_body_that_is_dropped_ends_every_wait() {
        let (responses, body) = channel();
        responses.turn().await.unwrap().send(response());
        let wait = async { tokio::join!(responses.turn(), responses.closed()).0.is_none() };
        assert!(tokio::join!(wait, async { drop(body) }).0);
    }

    #[tokio::test]
    async fn a_body_that_is_dropped_amid_a_response_ends_every_wait() {
        let (responses, mut body) = channel();
        responses.turn().await.unwrap().send(response());
        frame(&mut body).await.unwrap();
        assert!(tokio::join!(responses.turn(), async { drop(body) }).0.is_none());
    }

    #[tokio::test]
    async fn a_status_follows_what_was_sent_before_and_is_the_last() {
        let (responses, mut body) = channel();
        responses.turn().await.unwrap().send(response());
        responses.end(Status::not_found("100 % \u{e9}\n"));
        for _ in 0..3 {
            assert!(frame(&mut body).await.unwrap().is_data());
        }
        assert!(!body.is_end_stream());
        let trailers = trailers(&mut body).await;
        assert_eq!(trailers["grpc-status"], "5");
        assert_eq!(trailers["grpc-message"], "100%20%25%20%C3%A9%0A");
        assert!(frame(&mut body).await.is_none() && body.is_end_stream());
    }

    #[tokio::test]
    async fn without_a_status_the_stream_ends_well() {
        let (responses, mut body) = channel();
        drop(responses);
        assert_eq!(trailers(&mut body).await["grpc-status"], "0");
    }
}
