/** Fewer points that look the same. */

import type { SparkPoint } from "../live/plant";

/**
 * At most about three points for each of `buckets` equal spans: the lowest, the highest and a gap if there is one, in
 * time order. A peak of one row is never lost.
 */
export function thin(points: SparkPoint[], buckets: number): SparkPoint[] {
  if (points.length <= buckets * 2) return points;
  const start = points[0].time;
  const width = (points[points.length - 1].time - start) / buckets || 1;
  const kept: SparkPoint[] = [];
  let from = 0;
  while (from < points.length) {
    const bucket = Math.floor((points[from].time - start) / width);
    let to = from;
    while (to < points.length && Math.floor((points[to].time - start) / width) === bucket) to++;
    kept.push(...extremes(points.slice(from, to)));
    from = to;
  }
  return kept;
}

function extremes(points: SparkPoint[]): SparkPoint[] {
  let low: SparkPoint | null = null;
  let high: SparkPoint | null = null;
  let gap: SparkPoint | null = null;
  for (const p of points) {
    if (p.score === null) gap ??= p;
    else {
      if (low === null || p.score < (low.score ?? Infinity)) low = p;
      if (high === null || p.score > (high.score ?? -Infinity)) high = p;
    }
  }
  const kept = [...new Set([low, high, gap])].filter((p) => p !== null);
  return kept.sort((a, b) => a.time - b.time);
}
