//! Files that answer requests: opened without harm, compared with what the client has, cut into ranges, and sent from
//! their descriptor.
//!
//! Which file it is, and whether it may be sent, others decide: [`crate::stages::sendfile`] has it from the app.

mod answer;
mod body;
mod conditions;
mod media_type;
mod multipart;
mod open;
mod range;
mod roots;
mod source;
mod validators;

pub(crate) use answer::{Asking, answer};
pub(crate) use body::FileBody;
#[cfg(target_os = "linux")]
pub(crate) use body::KernelError;
pub(crate) use open::{FileError, OpenFile, open};
pub(crate) use roots::Roots;
#[cfg(target_os = "linux")]
pub(crate) use source::Source;
