// Numbers, times and sizes as people read them.

const UNITS = [["year", 31536e6], ["month", 2592e6], ["day", 864e5], ["hour", 36e5], ["minute", 6e4]];
const relative = new Intl.RelativeTimeFormat("en", { style: "short" });
const grouped = new Intl.NumberFormat("en");

// `3 minutes ago`, of milliseconds since the epoch.
export function ago(time) {
  const since = time - Date.now();
  for (const [unit, ms] of UNITS) {
    if (Math.abs(since) >= ms) return relative.format(Math.round(since / ms), unit);
  }
  return "just now";
}

export const date = (time) => new Date(time).toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC");

// `27.5 MB`
export function bytes(count) {
  let unit = 0;
  while (count >= 999.5 && unit < 4) {
    count /= 1000;
    unit++;
  }
  return `${unit ? digits(count) : count} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
}

// `0.43 ms`, `12 ms`, `1.2 s`
export const milliseconds = (ms) => (ms >= 999.5 ? `${digits(ms / 1000)} s` : `${digits(ms)} ms`);

export const rate = (value) => (value === 0 ? "0" : digits(value));

export const percent = (ratio) => (ratio === 0 ? "0 %" : ratio < 0.001 ? "< 0.1 %" : `${digits(ratio * 100)} %`);

export const count = (value) => grouped.format(value);

// Three significant digits, none after the point from 100 on.
export const digits = (value) =>
  (value >= 99.95 ? grouped.format(Math.round(value)) : String(Number(value.toPrecision(3))));

// A metric: five significant digits tell two versions apart, and keep their column straight.
export const metric = (value) => (Number.isInteger(value) ? grouped.format(value) : value.toPrecision(5));

export const short = (digest) => digest.slice(0, 10);
