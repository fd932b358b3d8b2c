/** Times, ages and spans in words. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const MONTH = 30.44 * DAY;
const YEAR = 365.25 * DAY;

const pad = (n: number, width = 2): string => String(n).padStart(width, "0");

/** `12:03:10` in local time, with the date in front where it is not today's. */
export function clockTime(ms: number, todayMs: number): string {
  if (!Number.isFinite(ms)) return "–";
  const t = new Date(ms);
  const time = `${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}`;
  return sameDay(t, new Date(todayMs)) ? time : `${dateText(t)} ${time}`;
}

function sameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

function dateText(t: Date): string {
  return `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())}`;
}

/** The time zone that times are shown in, such as `UTC+02:00`. */
export function zoneText(offsetMinutes: number): string {
  const east = -offsetMinutes;
  const size = Math.abs(east);
  return east === 0 ? "UTC" : `UTC${east > 0 ? "+" : "-"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

/** How old something is: `3 s ago`, `5 min ago`; times ahead of the clock count as now. */
export function ageText(seconds: number): string {
  if (seconds < 1) return "now";
  return `${seconds < MINUTE ? `${Math.floor(seconds)} s` : shortSpan(seconds)} ago`;
}

/** A span in a few characters, for axes and tables: `40 s`, `2.5 h`, `40 d`. */
export function shortSpan(seconds: number): string {
  const [unit, size] = unitOf(seconds, [
    ["y", YEAR],
    ["d", DAY],
    ["h", HOUR],
    ["min", MINUTE],
    ["s", 1],
  ]);
  return `${twoDigits(seconds / size)} ${unit}`;
}

/** A span in full words: `40 days`, `1 hour`. */
export function longSpan(seconds: number): string {
  const [unit, size] = unitOf(seconds, [
    ["year", YEAR],
    ["month", 2 * MONTH],
    ["day", DAY],
    ["hour", HOUR],
    ["minute", MINUTE],
    ["second", 1],
  ]);
  const count = twoDigits(seconds / (unit === "month" ? MONTH : size));
  return `${count} ${unit}${count === "1" ? "" : "s"}`;
}

/** The first unit that fits at least once; a little short of one still counts, since it rounds up to it. */
function unitOf(seconds: number, units: [string, number][]): [string, number] {
  return units.find(([, size]) => seconds >= size * 0.995) ?? units[units.length - 1];
}

function twoDigits(x: number): string {
  if (x >= 9.95) return Math.round(x).toLocaleString("en-US");
  return String(Math.round(x * 10) / 10);
}

/** Beyond this nobody can count on a number. */
const NEVER = 1000 * YEAR;

/** How rare a score is in normal operation: `expected once in 40 days`. */
export function returnPeriodText(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds >= NEVER) return "practically never expected";
  if (seconds < 10) return "expected every few seconds";
  return `expected once in ${longSpan(seconds)}`;
}

/** The return period in a few characters, for an axis. */
export function returnPeriodShort(seconds: number): string {
  return seconds >= NEVER ? "never" : shortSpan(seconds);
}
