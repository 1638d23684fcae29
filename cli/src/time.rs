//! Points in time, as people read them.

use std::time::{Duration, SystemTime};

/// `2026-03-01T12:00:00Z`. The argument is milliseconds since the epoch.
pub fn time(millis: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    // A clock may say anything; beyond the year 9999 there is no such form.
    let year_9999 = Duration::from_secs(253_402_300_799);
    match time.filter(|_| Duration::from_millis(millis) <= year_9999) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => millis.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_shown() {
        assert_eq!(time(1_772_366_400_000), "2026-03-01T12:00:00Z");
        assert_eq!(time(u64::MAX), u64::MAX.to_string());
    }
}
