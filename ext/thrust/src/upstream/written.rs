//! A request as the app gets it, without waiting for an answer; for [`crate::fuzzing`].

use std::future::poll_fn;

use super::upload::Upload;
use super::{Options, Target, headers};
use crate::error::BodyError;
use crate::exchange::{Client, Request};
use crate::stream::Stream;

/// Writes all of `request` to `stream`.
///
/// # Errors
///
/// When the body is malformed or ends too early; a part of it may have left.
pub(crate) async fn write(
    request: Box<Request>,
    client: &Client,
    options: &Options,
    target: &Target,
    stream: &Stream,
) -> Result<(), BodyError> {
    let head = headers::request_head(&request, client, options, target);
    let mut upload = Upload::new(head, request.body, request.expects_continue);
    upload.release();
    poll_fn(|cx| upload.poll(stream, cx)).await
}
