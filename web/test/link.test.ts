import { expect, test } from "vitest";
import { initialLink, retryDelayMs, stepLink, type LinkEvent } from "../src/live/link";

function run(events: [LinkEvent, number][]) {
  return events.reduce((link, [event, now]) => stepLink(link, event, now), initialLink(0));
}

test("a lost link remembers when something was last heard, however often it fails", () => {
  const link = run([
    ["opened", 10],
    ["heard", 20],
    ["failed", 30],
    ["failed", 40],
  ]);
  expect(link).toEqual({ phase: "lost", heard: 20, failures: 2 });
});

test("a server that was never there is lost since the page was opened", () => {
  expect(run([["failed", 5]])).toEqual({ phase: "lost", heard: 0, failures: 1 });
});

test("an event alone shows that the link lives again", () => {
  expect(run([["failed", 5], ["heard", 9]])).toEqual({ phase: "live", heard: 9, failures: 0 });
});

test("attempts spread out to ten seconds and no further", () => {
  expect([1, 2, 3, 4, 5, 6, 60].map(retryDelayMs)).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});
