/** A tag's value against the band it was expected in. */

import type uPlot from "uplot";
import { runs, type Run } from "../series/score";
import { emptyTag, outsideBand, type TagColumns } from "../series/tag";
import { ABNORMAL, BAND, hatchPattern, INK, MUTED, PANEL } from "./theme";
import { axisStyle, SIDE_PX, timeAxis, Trend, type TrendEvents } from "./trend";

/** Beyond so many hollow points in view they would be a smear; the hatching alone tells then. */
const MOST_POINTS = 200;

export class TagTrend {
  readonly trend: Trend;
  columns: TagColumns = emptyTag();
  private madeUp: Run<boolean>[] = [];

  constructor(tag: string, events: TrendEvents) {
    this.trend = new Trend(
      {
        height: 132,
        padding: [6, SIDE_PX, 0, 0],
        scales: { y: { range: (_u, min, max) => padded(min, max) } },
        axes: [timeAxis(), { ...axisStyle(), size: SIDE_PX, space: 26 }],
        bands: [{ series: [2, 1], fill: BAND }],
        series: [
          {},
          { stroke: "transparent", points: { show: false } },
          { stroke: "transparent", points: { show: false } },
          { stroke: MUTED, width: 1, dash: [4, 3], points: { show: false } },
          { stroke: INK, width: 1.5, points: { show: false } },
          { stroke: ABNORMAL, width: 2.5, points: { show: false } },
          { stroke: MUTED, paths: () => null, points: { show: (u, ix) => fewEnough(u, ix), size: 5, fill: PANEL, width: 1 } },
        ],
      },
      { below: (u) => this.below(u) },
      events,
    );
    this.trend.el.dataset.testid = `trend-${tag}`;
    this.trend.el.setAttribute("role", "img");
    this.trend.el.setAttribute("aria-label", `Trend of ${tag} against its expected band`);
  }

  show(columns: TagColumns, span: [number, number], anomalous: (time: number) => boolean): void {
    this.columns = columns;
    this.madeUp = runs(columns.time, columns.imputed).filter((run) => run.what);
    const { time, low, high, expected, value, hollow } = columns;
    this.trend.show([time, low, high, expected, value, outsideBand(columns, anomalous), hollow], span);
  }

  /** Hatched where the window's values were made up. */
  private below(u: uPlot): void {
    u.ctx.fillStyle = hatchPattern(u.ctx);
    for (const run of this.madeUp) {
      const [from, to] = [run.from, run.to].map((t) => u.valToPos(t, "x", true));
      u.ctx.fillRect(from, u.bbox.top, Math.max(devicePixelRatio, to - from), u.bbox.height);
    }
  }
}

function padded(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  const room = max > min ? (max - min) * 0.08 : Math.max(Math.abs(max) * 0.05, 0.5);
  return [min - room, max + room];
}

function fewEnough(u: uPlot, series: number): boolean {
  const [first, last] = u.series[0].idxs ?? [0, 0];
  let seen = 0;
  for (let ix = first; ix <= last; ix++) if (u.data[series][ix] != null) seen++;
  return seen > 0 && seen <= MOST_POINTS;
}
