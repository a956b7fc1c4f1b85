// Numbers as people read them.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 1234 -> "1,234"; from a million on "1.2M". */
export const count = (n) => (n >= 1e6 ? compact.format(n) : grouped.format(n));

/** Requests per second: 0, 0.4, 12.5, 340. */
export function rate(perSecond) {
  if (perSecond === 0) return "0";
  if (perSecond >= 1000) return count(perSecond);
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

/** Milliseconds in the unit that suits them: "420 µs", "1.25 ms", "310 ms", "2.1 s". */
export function duration(ms) {
  if (ms === 0) return "0";
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s` : `${(ms / 60000).toFixed(1)} min`;
}

/** The time of day, to the second. */
export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/** "12 s ago" */
export function ago(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
