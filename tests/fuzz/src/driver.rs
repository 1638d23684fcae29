//! libFuzzer on one target, the one that the variable `TITAN_FUZZ` names; `tests/fuzz.sh` builds and runs it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: titan_fuzz::chosen(), |input: &[u8]| (titan_fuzz::chosen())(input));
