//! See `thrust::fuzzing::forwarded`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| thrust::fuzzing::forwarded(input));
