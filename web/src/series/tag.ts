/**
 * One tag's samples beside what was expected of it, as the columns a chart draws. Times are seconds since the epoch,
 * strictly rising. In every column null is a gap that breaks the line, undefined is nothing at this time and lets the
 * line run on.
 */

import type { ExpectedRow, Sample, TagVerdict } from "../api/types";
import { indexAt } from "./score";

type Cell = number | null | undefined;

export interface TagColumns {
  time: number[];
  low: Cell[];
  high: Cell[];
  expected: Cell[];
  /** What was measured: Good and Uncertain samples. */
  value: Cell[];
  /** Values not to be trusted: Uncertain ones and those made up here; drawn hollow. */
  hollow: Cell[];
  /** Whether the row was made up. */
  imputed: (boolean | null | undefined)[];
}

interface Point {
  low?: Cell;
  high?: Cell;
  expected?: Cell;
  value?: Cell;
  hollow?: Cell;
  imputed?: boolean | null;
}

const NEXT_S = 0.001;

export function emptyTag(): TagColumns {
  return { time: [], low: [], high: [], expected: [], value: [], hollow: [], imputed: [] };
}

/**
 * Puts samples and expected rows, both in time order, on one time axis. Where a row was made up, or neither sample nor
 * row is there for longer than `gapS` seconds, the line breaks. A tag that reports by exception is silent while it
 * stands still: where rows bear witness to it, its last value is drawn on to its next.
 */
export function tagColumns(samples: Sample[], rows: ExpectedRow[], gapS: number): TagColumns {
  const points = new Map<number, Point>();
  addRows(points, rows, gapS);
  addSamples(points, samples, witnessed(rows), gapS);
  const columns = emptyTag();
  for (const time of [...points.keys()].sort((a, b) => a - b)) push(columns, time, points.get(time) ?? {});
  for (const column of [columns.low, columns.high, columns.expected, columns.value]) keepBroken(column);
  return columns;
}

/** A line that is broken stays so until its next value: a chart would draw it on through what is undefined. */
function keepBroken(column: Cell[]): void {
  for (let ix = 1; ix < column.length; ix++) {
    if (column[ix] === undefined && column[ix - 1] === null) column[ix] = null;
  }
}

const seconds = (row: { time: string }): number => Date.parse(row.time) / 1000;

function point(points: Map<number, Point>, time: number): Point {
  let found = points.get(time);
  if (!found) points.set(time, (found = {}));
  return found;
}

function addRows(points: Map<number, Point>, rows: ExpectedRow[], gapS: number): void {
  let last: number | null = null;
  for (const row of rows) {
    const time = seconds(row);
    if (last !== null && time - last > gapS) Object.assign(point(points, last + NEXT_S), BREAK_BAND);
    const { expected, low, high, imputed } = row;
    Object.assign(point(points, time), { expected, low, high, imputed }, imputed ? { value: null } : {});
    last = time;
  }
}

const BREAK_BAND: Point = { expected: null, low: null, high: null, imputed: null };

/** The times of the rows whose value was measured. */
function witnessed(rows: ExpectedRow[]): number[] {
  return rows.filter((row) => !row.imputed).map(seconds);
}

function addSamples(points: Map<number, Point>, samples: Sample[], witnesses: number[], gapS: number): void {
  let last: { time: number; value: number } | null = null;
  const close = (before: number): void => {
    if (!last || before - last.time <= gapS) return;
    const witness = witnesses[indexAt(witnesses, before - NEXT_S)] ?? -Infinity;
    const held = Math.min(witness, before - NEXT_S);
    if (held > last.time) point(points, held).value = last.value;
    if (before - Math.max(held, last.time) > gapS) point(points, Math.max(held, last.time) + NEXT_S).value = null;
  };
  for (const sample of samples) {
    const time = seconds(sample);
    const here = point(points, time);
    close(time);
    const usable = sample.quality !== "Bad" && sample.value !== null;
    here.value = usable ? sample.value : null;
    if (usable && sample.quality === "Uncertain") here.hollow = sample.value;
    last = usable && sample.value !== null ? { time, value: sample.value } : null;
  }
  const end = witnesses[witnesses.length - 1];
  if (end !== undefined && last !== null && (last as { time: number }).time < end) {
    point(points, end).value ??= (last as { value: number }).value;
  }
}

/** Adds a live row at the end. A row that is not newer than the last is one already there. */
export function appendTag(columns: TagColumns, time: number, tag: TagVerdict, gapS: number): void {
  const last = columns.time[columns.time.length - 1];
  if (last !== undefined && time <= last) return;
  if (last !== undefined && time - last > gapS) push(columns, last + NEXT_S, { ...BREAK_BAND, value: null });
  push(columns, time, {
    low: tag.expected_low,
    high: tag.expected_high,
    expected: tag.expected,
    value: tag.imputed ? null : tag.value,
    hollow: tag.imputed ? tag.value : undefined,
    imputed: tag.imputed,
  });
}

function push(columns: TagColumns, time: number, p: Point): void {
  columns.time.push(time);
  columns.low.push(p.low);
  columns.high.push(p.high);
  columns.expected.push(p.expected);
  columns.value.push(p.value);
  columns.hollow.push(p.hollow);
  columns.imputed.push(p.imputed);
}

/** The values outside their expected band while the asset was anomalous; null elsewhere. */
export function outsideBand(columns: TagColumns, anomalous: (time: number) => boolean): Cell[] {
  let low: Cell;
  let high: Cell;
  return columns.time.map((time, ix) => {
    low = columns.low[ix] === undefined ? low : columns.low[ix];
    high = columns.high[ix] === undefined ? high : columns.high[ix];
    const value = columns.value[ix];
    if (value === undefined) return undefined;
    if (value === null || low === null || low === undefined || high === null || high === undefined) return null;
    return (value < low || value > high) && anomalous(time) ? value : null;
  });
}
