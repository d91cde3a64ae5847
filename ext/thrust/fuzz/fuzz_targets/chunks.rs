//! See `thrust::fuzzing::chunks`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| thrust::fuzzing::chunks(input));
