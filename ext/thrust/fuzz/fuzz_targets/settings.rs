//! See `thrust::fuzzing::settings`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| thrust::fuzzing::settings(input));
