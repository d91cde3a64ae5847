//! See `thrust::fuzzing::response_heads`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| thrust::fuzzing::response_heads(input));
