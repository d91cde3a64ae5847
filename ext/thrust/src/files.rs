//! Files that answer requests: opened without harm, compared with what the client has, cut into ranges, and sent from
//! their descriptor.
//!
//! Which file it is, [`crate::stages::sendfile`] has from the app, and [`crate::stages::static_files`] from the
//! request's path.

mod answer;
mod body;
mod coding;
mod conditions;
mod library;
mod media_type;
mod multipart;
mod names;
mod open;
mod range;
#[cfg(target_os = "linux")]
mod real_name;
mod roots;
mod source;
mod validators;

pub(crate) use answer::{Asking, answer};
pub(crate) use body::FileBody;
#[cfg(target_os = "linux")]
pub(crate) use body::KernelError;
pub(crate) use library::Library;
pub(crate) use open::{FileError, OpenFile, open};
pub(crate) use roots::Roots;
#[cfg(target_os = "linux")]
pub(crate) use source::Source;
