//! Raises the errors that lib/thruster/errors.rb defines, also for a panic: Ruby can rescue it and goes on.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use magnus::{Error, ExceptionClass, Module as _, RArray, RModule, Ruby, kwargs, prelude::*};

/// A `Thruster::Error` that says this.
pub(crate) fn error(ruby: &Ruby, message: impl fmt::Display) -> Error {
    match class(ruby, "Error") {
        Ok(class) => Error::new(class, message.to_string()),
        Err(missing) => missing,
    }
}

/// A `Thruster::ConfigurationError` with these faults: hashes, each with its setting and its message.
pub(crate) fn configuration(ruby: &Ruby, faults: RArray) -> Error {
    class(ruby, "ConfigurationError")
        .and_then(|class| class.new_instance((kwargs!("faults" => faults),)))
        .map_or_else(|missing| missing, Error::from)
}

/// Runs what Ruby called; a panic in it becomes a `Thruster::Error`.
///
/// magnus would make it a `fatal`, which nobody can rescue and which ends the application.
///
/// # Errors
///
/// Those of the work, and the one for its panic.
pub(crate) fn guarded<T>(ruby: &Ruby, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(error(ruby, Panicked::from(panic))))
}

/// A mistake of this extension, with what the panic said.
#[derive(Debug, thiserror::Error)]
#[error("thruster_native failed: {0}; please report this")]
pub(crate) struct Panicked(String);

impl From<Box<dyn Any + Send>> for Panicked {
    fn from(panic: Box<dyn Any + Send>) -> Self {
        let text = match panic.downcast_ref::<&str>() {
            Some(text) => Some((*text).to_owned()),
            None => panic.downcast_ref::<String>().cloned(),
        };
        Self(text.unwrap_or_else(|| "it said nothing".to_owned()))
    }
}

fn class(ruby: &Ruby, name: &str) -> Result<ExceptionClass, Error> {
    let thruster: RModule = ruby.class_object().const_get("Thruster")?;
    thruster.const_get(name)
}

/// Panics, here or on a thread without the GVL, so that the specs can see what becomes of it. Debug builds only.
///
/// # Errors
///
/// Always.
#[cfg(debug_assertions)]
pub(crate) fn panic(ruby: &Ruby, without_gvl: bool) -> Result<(), Error> {
    guarded(ruby, || {
        if without_gvl {
            crate::gvl::without(|| panic!("a panic without the GVL"), || {})
                .map(|_| ())
                .map_err(|panicked| error(ruby, panicked))
        } else {
            panic!("a panic with the GVL")
        }
    })
}
