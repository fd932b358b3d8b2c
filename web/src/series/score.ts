/** A run of scores as the columns a chart draws. Times are seconds since the epoch, strictly rising. */

import type { ScoreRow, Verdict } from "../api/types";

export interface ScoreColumns {
  time: number[];
  /** Null is a gap. */
  score: (number | null)[];
  threshold: (number | null)[];
  /** Share of the window that was made up; null in a gap. */
  imputed: (number | null)[];
  /** Null in a gap. */
  mode: (string | null)[];
}

export const emptyScores = (): ScoreColumns => ({ time: [], score: [], threshold: [], imputed: [], mode: [] });

/** Times this close to a point make a gap begin there. */
const NEXT_S = 0.001;

/** The columns of rows in time order; a hole longer than `gapS` seconds becomes a gap. */
export function scoreColumns(rows: ScoreRow[], gapS: number): ScoreColumns {
  const columns = emptyScores();
  for (const row of rows) appendScore(columns, row, gapS);
  return columns;
}

/** Adds a row at the end. A row that is not newer than the last is one already there. */
export function appendScore(columns: ScoreColumns, row: ScoreRow | Verdict, gapS: number): void {
  const time = Date.parse(row.time) / 1000;
  const last = columns.time[columns.time.length - 1];
  if (last !== undefined && time <= last) return;
  if (last !== undefined && time - last > gapS) push(columns, last + NEXT_S, null, null, null, null);
  push(columns, time, row.score, row.threshold, row.imputed, row.mode);
}

function push(
  columns: ScoreColumns,
  time: number,
  score: number | null,
  threshold: number | null,
  imputed: number | null,
  mode: string | null,
): void {
  columns.time.push(time);
  columns.score.push(score);
  columns.threshold.push(threshold);
  columns.imputed.push(imputed);
  columns.mode.push(mode);
}

/** Whether the score had reached its threshold at a time, by the last row up to it. */
export function anomalousAt(columns: ScoreColumns, time: number): boolean {
  const ix = indexAt(columns.time, time);
  if (ix < 0) return false;
  const score = columns.score[ix];
  const threshold = columns.threshold[ix];
  return score !== null && threshold !== null && score >= threshold;
}

export interface ExcessPoint {
  time: number;
  score: number;
  threshold: number;
}

/** The stretches over which the score is at its threshold or above, each from where the line crosses to where it crosses back. */
export function excesses(columns: ScoreColumns): ExcessPoint[][] {
  const found: ExcessPoint[][] = [];
  let before: ExcessPoint | null = null;
  let open: ExcessPoint[] | null = null;
  for (let ix = 0; ix < columns.time.length; ix++) {
    const here = pointAt(columns, ix);
    const over = here !== null && here.score >= here.threshold;
    if (over && !open) found.push((open = before ? [crossing(before, here)] : []));
    if (!over && open && before && here) open.push(crossing(before, here));
    if (over) open?.push(here);
    else open = null;
    before = here;
  }
  return found;
}

function pointAt(columns: ScoreColumns, ix: number): ExcessPoint | null {
  const score = columns.score[ix];
  const threshold = columns.threshold[ix];
  return score === null || threshold === null ? null : { time: columns.time[ix], score, threshold };
}

/** Where the lines of score and threshold meet between two points on either side. */
function crossing(a: ExcessPoint, b: ExcessPoint): ExcessPoint {
  const [da, db] = [a.score - a.threshold, b.score - b.threshold];
  const share = da === db ? 0 : da / (da - db);
  const threshold = a.threshold + (b.threshold - a.threshold) * share;
  return { time: a.time + (b.time - a.time) * share, score: threshold, threshold };
}

/** The index of the last time that is not after `time`; -1 if there is none. */
export function indexAt(times: number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (times[mid] <= time) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

/** Forgets what is older than `from`. */
export function trimBefore<T extends { time: number[] }>(columns: T, from: number): void {
  const cut = indexAt(columns.time, from);
  if (cut > 0) for (const column of Object.values(columns) as unknown[][]) column.splice(0, cut);
}

/** A stretch of time over which something stayed the same. */
export interface Run<T> {
  from: number;
  to: number;
  what: T;
}

/** The stretches of equal values; null ends a stretch and begins none. Each reaches to where the next one begins. */
export function runs<T>(time: number[], values: (T | null | undefined)[]): Run<T>[] {
  const found: Run<T>[] = [];
  let open: Run<T> | null = null;
  for (let ix = 0; ix < time.length; ix++) {
    const what = values[ix];
    if (what === undefined) continue;
    if (open) open.to = time[ix];
    if (open && open.what === what) continue;
    open = what === null ? null : { from: time[ix], to: time[ix], what };
    if (open) found.push(open);
  }
  return found;
}
