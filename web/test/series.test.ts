import { describe, expect, test } from "vitest";
import type { ExpectedRow, Sample, ScoreRow, TagVerdict } from "../src/api/types";
import { anomalousAt, appendScore, excesses, indexAt, runs, scoreColumns, trimBefore } from "../src/series/score";
import { appendTag, outsideBand, tagColumns } from "../src/series/tag";
import { thin } from "../src/series/thin";

const at = (s: number): string => new Date(s * 1000).toISOString();
const row = (s: number, score = 1, mode = "Fill"): ScoreRow => ({
  time: at(s),
  score,
  threshold: 4,
  probability: 0.9,
  mode,
  imputed: 0,
});
const good = (s: number, value: number): Sample => ({ time: at(s), value, quality: "Good", status: "Good" });
const bad = (s: number): Sample => ({ time: at(s), value: 99, quality: "Bad", status: "BadSensorFailure" });
const expected = (s: number, imputed = false): ExpectedRow => ({ time: at(s), expected: 5, low: 4, high: 6, imputed });

/** What the line of values does: the points it goes through, `|` where it breaks. */
function line(columns: { time: number[]; value: (number | null | undefined)[] }): string {
  return columns.time
    .map((t, ix) => ({ t, v: columns.value[ix] }))
    .filter(({ v }) => v !== undefined)
    .map(({ t, v }) => (v === null ? "|" : `${Math.round(t)}:${v}`))
    .join(" ");
}

describe("scores", () => {
  test("a hole longer than the gap breaks the line, a shorter one does not", () => {
    const columns = scoreColumns([row(0), row(1), row(4), row(20)], 5);
    expect(columns.score).toEqual([1, 1, 1, null, 1]);
    expect(columns.time.every((t, ix) => ix === 0 || t > columns.time[ix - 1])).toBe(true);
  });

  test("a row that is already there is not doubled", () => {
    const columns = scoreColumns([row(0), row(1)], 5);
    appendScore(columns, row(1, 9), 5);
    appendScore(columns, row(2, 3), 5);
    expect(columns.score).toEqual([1, 1, 3]);
  });

  test("anomalous by the last row up to a time, never in a gap", () => {
    const columns = scoreColumns([row(0, 1), row(1, 6), row(20, 6)], 5);
    expect([-1, 0.5, 1, 1.0005, 10, 21].map((t) => anomalousAt(columns, t))).toEqual([
      false,
      false,
      true,
      true,
      false,
      true,
    ]);
  });

  test("an excess begins and ends where the lines cross, and in a gap where the points end", () => {
    const columns = scoreColumns([row(0, 2), row(1, 6), row(2, 2), row(3, 8), row(30, 8), row(31, 0)], 5);
    expect(excesses(columns).map((s) => s.map((p) => [p.time, p.score]))).toEqual([
      [[0.5, 4], [1, 6], [1.5, 4]],
      [[2 + 1 / 3, 4], [3, 8]],
      [[30, 8], [30.5, 4]],
    ]);
  });

  test("modes come as stretches that meet, and stop at a gap", () => {
    const columns = scoreColumns([row(0), row(1), row(2, 1, "Mix"), row(3, 1, "Mix"), row(30, 1, "Mix")], 5);
    expect(runs(columns.time, columns.mode)).toEqual([
      { from: 0, to: 2, what: "Fill" },
      { from: 2, to: 3.001, what: "Mix" },
      { from: 30, to: 30, what: "Mix" },
    ]);
  });

  test("old rows are forgotten in every column, the one in force is kept", () => {
    const columns = scoreColumns([row(0), row(1), row(2), row(3)], 5);
    trimBefore(columns, 2.5);
    expect(columns.time).toEqual([2, 3]);
    expect(columns.mode).toHaveLength(2);
  });

  test("the index before everything is -1", () => {
    expect(indexAt([1, 2, 3], 0)).toBe(-1);
    expect(indexAt([1, 2, 3], 2)).toBe(1);
    expect(indexAt([], 2)).toBe(-1);
  });
});

describe("a tag's line", () => {
  test("runs through good samples", () => {
    expect(line(tagColumns([good(0, 1), good(1, 2)], [expected(0), expected(1)], 5))).toBe("0:1 1:2");
  });

  test("a Bad sample breaks it, even if it has a value", () => {
    expect(line(tagColumns([good(0, 1), bad(1), good(2, 3)], [], 5))).toBe("0:1 | 2:3");
  });

  test("a row that was made up breaks it", () => {
    const rows = [expected(0), expected(1, true), expected(2)];
    expect(line(tagColumns([good(0, 1), good(2, 3)], rows, 5))).toBe("0:1 | 2:3");
  });

  test("silence without a witness is a gap", () => {
    expect(line(tagColumns([good(0, 1), good(30, 2)], [], 5))).toBe("0:1 | 30:2");
  });

  test("a tag that stood still is drawn on to its next value", () => {
    const rows = Array.from({ length: 31 }, (_, s) => expected(s));
    expect(line(tagColumns([good(0, 1), good(30, 2)], rows, 5))).toBe("0:1 29:1 30:2");
  });

  test("and to the newest row when no next value has come", () => {
    const rows = Array.from({ length: 31 }, (_, s) => expected(s));
    expect(line(tagColumns([good(0, 1)], rows, 5))).toBe("0:1 30:1");
  });

  test("an Uncertain value is joined and drawn hollow as well", () => {
    const columns = tagColumns([good(0, 1), { ...good(1, 2), quality: "Uncertain" }], [], 5);
    expect(line(columns)).toBe("0:1 1:2");
    expect(columns.hollow).toEqual([undefined, 2]);
  });

  test("the band breaks where rows are missing", () => {
    const columns = tagColumns([], [expected(0), expected(1), expected(60)], 5);
    expect(columns.low).toEqual([4, 4, null, 4]);
  });

  test("the band stays broken beside values that nobody judged", () => {
    const columns = tagColumns([good(1, 1), good(2, 1), good(3, 1)], [expected(0), expected(1), expected(60)], 5);
    expect(columns.low.filter((cell) => cell !== undefined)).toEqual([4, 4, null, null, null, 4]);
  });

  test("a live row that was made up is a gap in the line and a hollow point", () => {
    const columns = tagColumns([good(0, 1)], [expected(0)], 5);
    const tag: TagVerdict = {
      tag: "T",
      value: 7,
      expected: 5,
      expected_low: 4,
      expected_high: 6,
      residual: 2,
      contribution: 1,
      imputed: true,
    };
    appendTag(columns, 1, tag, 5);
    appendTag(columns, 1, tag, 5);
    appendTag(columns, 2, { ...tag, imputed: false }, 5);
    expect(line(columns)).toBe("0:1 | 2:7");
    expect(columns.hollow).toEqual([undefined, 7, undefined]);
  });

  test("is coloured only outside the band and only while the asset is anomalous", () => {
    const samples = [good(0, 5), good(1, 9), good(2, 9), good(2.5, 9)];
    const columns = tagColumns(samples, [expected(0), expected(1), expected(2)], 5);
    expect(outsideBand(columns, (t) => t >= 2)).toEqual([null, null, 9, 9]);
  });
});

describe("thinning", () => {
  const points = Array.from({ length: 1000 }, (_, ix) => ({ time: ix, score: ix === 517 ? 9 : (ix % 7) / 10 }));

  test("keeps a peak of one row and stays in time order", () => {
    const few = thin(points, 50);
    expect(few.length).toBeLessThanOrEqual(150);
    expect(few.some((p) => p.score === 9)).toBe(true);
    expect(few.every((p, ix) => ix === 0 || p.time > few[ix - 1].time)).toBe(true);
  });

  test("keeps a gap", () => {
    const gappy = points.map((p) => (p.time === 300 ? { ...p, score: null } : p));
    expect(thin(gappy, 50).some((p) => p.score === null)).toBe(true);
  });

  test("leaves a few points alone", () => expect(thin(points.slice(0, 10), 50)).toHaveLength(10));
});
