//! The stages of the pipeline, one thing each; `pipeline` says in which order a request meets them.

pub(crate) mod access_log;
pub(crate) mod error_pages;
pub(crate) mod limits;
pub(crate) mod own_paths;
pub(crate) mod request_id;
pub(crate) mod request_start;
pub(crate) mod sendfile;
pub(crate) mod static_files;
