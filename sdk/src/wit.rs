//! The WIT of `sdk/wit` as text, for tools that encode components.

/// The files as (name, text), every package after the packages it uses. The last one is Titan's own.
pub const FILES: [(&str, &str); 6] = [
    ("io.wit", include_str!("../wit/deps/io.wit")),
    ("clocks.wit", include_str!("../wit/deps/clocks.wit")),
    ("cli.wit", include_str!("../wit/deps/cli.wit")),
    ("random.wit", include_str!("../wit/deps/random.wit")),
    ("nn.wit", include_str!("../wit/deps/nn.wit")),
    ("world.wit", include_str!("../wit/world.wit")),
];
