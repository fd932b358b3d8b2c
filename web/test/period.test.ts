import { describe, expect, test } from "vitest";
import { ageText, clockTime, longSpan, returnPeriodText, shortSpan, zoneText } from "../src/words/time";

const DAY = 86_400;

describe("return period", () => {
  test.each([
    [0, "expected every few seconds"],
    [12, "expected once in 12 seconds"],
    [60, "expected once in 1 minute"],
    [90, "expected once in 1.5 minutes"],
    [3 * 3600, "expected once in 3 hours"],
    [40 * DAY, "expected once in 40 days"],
    [100 * DAY, "expected once in 3.3 months"],
    [3 * 365.25 * DAY, "expected once in 3 years"],
    [200 * 365.25 * DAY, "expected once in 200 years"],
    [1e16, "practically never expected"],
  ])("%d s reads '%s'", (seconds, words) => expect(returnPeriodText(seconds)).toBe(words));

  test("no score has no words", () => {
    expect(returnPeriodText(null)).toBe("");
    expect(returnPeriodText(NaN)).toBe("");
  });
});

describe("spans", () => {
  test("one is singular, also when rounded up to", () => {
    expect(longSpan(3599)).toBe("1 hour");
    expect(longSpan(DAY)).toBe("1 day");
  });

  test("nothing reads as sixty of a smaller unit", () => expect(longSpan(59.9)).toBe("1 minute"));

  test("short for axes", () => {
    expect(shortSpan(16.7 * 60)).toBe("17 min");
    expect(shortSpan(2.78 * 3600)).toBe("2.8 h");
    expect(shortSpan(11.6 * DAY)).toBe("12 d");
  });

  test("a time ahead of the clock is now", () => {
    expect(ageText(-40)).toBe("now");
    expect(ageText(3.4)).toBe("3 s ago");
  });
});

describe("times", () => {
  const noon = new Date(2026, 10, 23, 12, 3, 10).getTime();

  test("today's need no date", () => expect(clockTime(noon, noon + 1000)).toBe("12:03:10"));
  test("others have one", () => expect(clockTime(noon, noon + 2 * DAY * 1000)).toBe("2026-11-23 12:03:10"));
  test("the zone is written as its offset", () => {
    expect(zoneText(-120)).toBe("UTC+02:00");
    expect(zoneText(210)).toBe("UTC-03:30");
    expect(zoneText(0)).toBe("UTC");
  });
});
