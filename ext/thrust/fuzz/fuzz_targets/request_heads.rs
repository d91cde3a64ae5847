//! See `thrust::fuzzing::request_heads`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| thrust::fuzzing::request_heads(input));
