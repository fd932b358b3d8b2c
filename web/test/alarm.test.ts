import { expect, test } from "vitest";
import type { Alarm } from "../src/api/types";
import { byPriority, byTime, isOpen, matches, messageAfterAsset, priorityOf, stateText } from "../src/words/alarm";
import { alarm } from "./alarm-fixture";

const ids = (alarms: Alarm[]): number[] => alarms.map((a) => a.id);

test("severity bands are those of the companion specifications", () => {
  expect([1, 333, 334, 666, 667, 1000].map(priorityOf)).toEqual([3, 3, 2, 2, 1, 1]);
});

test("priority comes before time, and within a band the finer severity does not count", () => {
  const old = alarm({ id: 1, severity: 900, raised_at: "2026-11-23T10:00:00Z" });
  const fresh = alarm({ id: 2, severity: 200, raised_at: "2026-11-23T12:00:00Z" });
  const between = alarm({ id: 3, severity: 700, raised_at: "2026-11-23T11:00:00Z" });
  expect(ids([fresh, old, between].sort(byPriority))).toEqual([3, 1, 2]);
});

test("by time, a tie goes to the later number, also where fractions of a second are written differently", () => {
  const a = alarm({ id: 1, raised_at: "2026-11-23T12:00:00.100Z" });
  const b = alarm({ id: 2, raised_at: "2026-11-23T12:00:00.1Z" });
  expect(ids([a, b].sort(byTime))).toEqual([2, 1]);
});

test("an alarm that returned unacknowledged is still open", () => {
  const returned = alarm({ state: "cleared" });
  expect(isOpen(returned)).toBe(true);
  expect(matches(returned, "open")).toBe(true);
  expect(matches(returned, "active")).toBe(false);
  expect(matches(returned, "unacknowledged")).toBe(true);
  expect(isOpen(alarm({ state: "cleared", acknowledged: true }))).toBe(false);
});

test("the state says all in words", () => {
  expect(stateText(alarm({}))).toBe("Active, unacknowledged");
  expect(stateText(alarm({ state: "cleared", acknowledged: true, shelved: true }))).toBe(
    "Returned to normal, acknowledged, shelved",
  );
});

test("the asset's name is not said twice", () => {
  expect(messageAfterAsset(alarm({ message: "Mixer in mode Fill: too hot" }))).toBe("in mode Fill: too hot");
  expect(messageAfterAsset(alarm({ message: "Mixers are hot" }))).toBe("Mixers are hot");
});
