//! What the operating system says of this process, under the names that Prometheus's clients have for it.

use std::fmt;
use std::fs;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Reads `/proc/self`. What cannot be read has no series.
#[derive(Debug)]
pub(crate) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, unit: Option<Unit>, help: &str, value: Option<u64>| {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
            gauge.encode(metric)
        };
        let memory = "Memory that is in use and not swapped out, heap images shared by instances counted once";
        gauge("process_resident_memory", Some(Unit::Bytes), memory, resident_bytes())?;
        gauge("process_open_fds", None, "Open file descriptors", open_files())?;
        gauge("process_max_fds", None, "File descriptors that may be open", max_files())?;
        if let Some(cpu) = cpu() {
            let counter = ConstCounter::new(cpu.as_secs_f64());
            let help = "CPU time of the whole process";
            let unit = Some(&Unit::Seconds);
            let metric = encoder.encode_descriptor("process_cpu", help, unit, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    field(&status, "VmRSS:")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn open_files() -> Option<u64> {
    // Reading the folder takes one itself.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64)
}

fn max_files() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")?.parse().ok()
}

fn cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// The first word after `name` at the beginning of a line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        let before = open_files().unwrap();
        let _file = fs::File::open("/proc/self/status").unwrap();
        assert!(open_files().unwrap() > before.saturating_sub(8) && max_files().unwrap() >= before);
        assert!(cpu().unwrap() > Duration::ZERO);
        assert_eq!(field("VmHWM:\t 12 kB\nVmRSS:\t  34 kB\n", "VmRSS:"), Some("34"));
    }
}
