//! The gem's extension: what Ruby cannot do as well as the proxy's own code.
//!
//! It converts values and raises errors; what a setting may be, how a snapshot is written and what a sibling of a file
//! is worth is decided elsewhere. Nothing is started or kept when it is loaded, because Puma forks.

#![allow(missing_docs, reason = "magnus::init makes a function, which only Ruby calls")]

mod compress;
mod errors;
mod gvl;
mod metrics;
mod settings;

use magnus::{Error, Module as _, Object as _, RModule, Ruby, function};

/// Defines the functions of `Thruster::Native`, which lib/thruster/native.rb has made.
#[magnus::init]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let thruster: RModule = ruby.class_object().const_get("Thruster")?;
    let native: RModule = thruster.const_get("Native")?;

    native.define_singleton_method("check", function!(settings::check, 1))?;
    native.define_singleton_method("prometheus", function!(metrics::text, 1))?;
    native.define_singleton_method("compress", function!(compress::compress, 2))?;
    #[cfg(debug_assertions)]
    native.define_singleton_method("panic", function!(errors::panic, 1))?;
    Ok(())
}
