/** The state of the connection to the server, as a pure step function. */

export interface Link {
  phase: "connecting" | "live" | "lost";
  /** When anything was last heard, or when the page was opened if nothing ever was; milliseconds. */
  heard: number;
  /** Failures since it was last live. */
  failures: number;
}

export type LinkEvent = "opened" | "heard" | "failed";

export function initialLink(now: number): Link {
  return { phase: "connecting", heard: now, failures: 0 };
}

export function stepLink(link: Link, event: LinkEvent, now: number): Link {
  switch (event) {
    case "opened":
    case "heard":
      return { phase: "live", heard: now, failures: 0 };
    case "failed":
      return { phase: "lost", heard: link.heard, failures: link.failures + 1 };
  }
}

/** How long to wait before the next attempt: half a second at first, ten at the most. */
export function retryDelayMs(failures: number): number {
  return Math.min(10_000, 500 * 2 ** Math.max(0, failures - 1));
}
