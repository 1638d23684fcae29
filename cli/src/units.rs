//! Sizes and times as people write them in a configuration file: `"16MiB"`, `"30s"`.

use std::time::Duration;

use bytesize::ByteSize;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A number of bytes, for `#[serde(deserialize_with)]`.
pub fn bytes<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let size = text.parse::<ByteSize>().ok().and_then(|size| T::try_from(size.as_u64()).ok());
    size.ok_or_else(|| D::Error::custom(format!("{text:?} is no size, or too large a one: write it as in \"16MiB\"")))
}

/// A time, for `#[serde(deserialize_with)]`.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map_err(|_| D::Error::custom(format!("{text:?} is no time: write it as in \"30s\" or \"1h 30m\"")))
}
