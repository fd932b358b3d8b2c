/** The server's present. Ages are counted by its clock, since a panel's own clock is often wrong. */

let offsetMs = 0;

/** Learns the difference of the two clocks from a response's `Date` header, which is cut to whole seconds. */
export function observeServerDate(header: string | null, sentMs: number, receivedMs: number): void {
  const server = header === null ? NaN : Date.parse(header);
  if (!Number.isFinite(server)) return;
  const offset = server + 500 - (sentMs + receivedMs) / 2;
  offsetMs = Math.abs(offset) < 2000 ? 0 : offset;
}

/** The server's present, in milliseconds since the epoch. */
export function now(): number {
  return Date.now() + offsetMs;
}
