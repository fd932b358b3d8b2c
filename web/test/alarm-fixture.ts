import type { Alarm } from "../src/api/types";

/** An alarm of the mixer, active and unacknowledged unless said otherwise. */
export function alarm(over: Partial<Alarm>): Alarm {
  return {
    id: 1,
    asset: "Mixer",
    tag: null,
    condition: "Score",
    state: "active",
    acknowledged: false,
    shelved: false,
    severity: 500,
    message: "",
    raised_at: "2026-11-23T12:00:00Z",
    cleared_at: null,
    acknowledged_at: null,
    acknowledged_by: null,
    contributions: [],
    ...over,
  };
}
