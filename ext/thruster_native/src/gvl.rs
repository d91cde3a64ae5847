//! Work without the GVL, so that the other threads of Ruby run meanwhile. The only unsafe code of the extension.

#![allow(unsafe_code, reason = "magnus has no safe way to release the GVL")]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::errors::Panicked;

/// What Ruby hands to the two callbacks.
struct Call<Work, Interrupt, Answer> {
    work: Option<Work>,
    interrupt: Interrupt,
    answer: Option<std::thread::Result<Answer>>,
}

/// Does the work without the GVL. Neither the work nor `interrupt` may touch anything of Ruby's.
///
/// `interrupt` is called, on any thread and perhaps more than once, when Ruby wants this thread back: for a signal,
/// `Thread#kill`, `Thread#raise` or a timeout. It should make the work return soon. The caller then has to ask
/// [`magnus::Ruby::thread_check_ints`] what Ruby wanted.
///
/// `None` if Ruby wanted the thread back before the work began.
///
/// # Errors
///
/// If the work panics.
pub(crate) fn without<Work, Interrupt, Answer>(
    work: Work,
    interrupt: Interrupt,
) -> Result<Option<Answer>, Panicked>
where
    Work: FnOnce() -> Answer,
    Interrupt: Fn() + Sync,
{
    let mut call = Call {
        work: Some(work),
        interrupt,
        answer: None,
    };
    let pointer: *mut Call<Work, Interrupt, Answer> = &raw mut call;

    // SAFETY: magnus calls us with the GVL held. `call` outlives this blocking call, in which Ruby makes all use of
    // the pointer. The variant with a 2 does not raise: it never jumps over the frames of Rust.
    unsafe {
        rb_sys::rb_thread_call_without_gvl2(
            Some(run::<Work, Interrupt, Answer>),
            pointer.cast(),
            Some(unblock::<Work, Interrupt, Answer>),
            pointer.cast(),
        );
    }

    call.answer.take().transpose().map_err(Panicked::from)
}

unsafe extern "C" fn run<Work, Interrupt, Answer>(data: *mut c_void) -> *mut c_void
where
    Work: FnOnce() -> Answer,
{
    let call: *mut Call<Work, Interrupt, Answer> = data.cast();
    // SAFETY: `without` passed a pointer to a live `Call`. Only its fields `work` and `answer` are touched here, and
    // only here; `unblock` touches `interrupt` alone.
    let (work, answer) = unsafe { (&mut (*call).work, &mut (*call).answer) };
    if let Some(work) = work.take() {
        *answer = Some(catch_unwind(AssertUnwindSafe(work)));
    }
    ptr::null_mut()
}

unsafe extern "C" fn unblock<Work, Interrupt, Answer>(data: *mut c_void)
where
    Interrupt: Fn() + Sync,
{
    let call: *const Call<Work, Interrupt, Answer> = data.cast_const().cast();
    // SAFETY: as in `run`. Ruby calls this only while `run` is under way, and the closure may be shared (`Sync`).
    let interrupt = unsafe { &(*call).interrupt };
    // A panic must not reach Ruby's frames; whoever is not woken is asked again.
    let _ = catch_unwind(AssertUnwindSafe(interrupt));
}
