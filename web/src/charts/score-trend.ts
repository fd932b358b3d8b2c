/** The score against its threshold, with the operating mode above it. */

import type uPlot from "uplot";
import { emptyScores, runs, type Run, type ScoreColumns } from "../series/score";
import { returnPeriodShort } from "../words/time";
import {
  ABNORMAL,
  ABNORMAL_PALE,
  FAINT,
  FONT,
  hatchPattern,
  INK,
  MODE_GREYS,
  MUTED,
} from "./theme";
import { axisStyle, clipped, SIDE_PX, timeAxis, Trend, type TrendEvents } from "./trend";

const RIBBON_PX = 16;
const RIBBON_GAP_PX = 6;
/** From this share of made-up cells on a stretch is hatched. */
const HATCH_SHARE = 0.05;

export class ScoreTrend {
  readonly trend: Trend;
  private columns = emptyScores();
  private modes: Run<string>[] = [];
  private madeUp: Run<boolean>[] = [];
  private readonly greys = new Map<string, string>();

  constructor(gridS: () => number, events: TrendEvents) {
    this.trend = new Trend(
      {
        height: 220,
        padding: [RIBBON_PX + RIBBON_GAP_PX, 0, 0, 0],
        scales: { y: { range: (_u, _min, max) => [0, Math.min(17, Math.max(2, (max ?? 0) * 1.15))] } },
        axes: [timeAxis(), scoreAxis(), periodAxis(gridS)],
        series: [
          {},
          { stroke: INK, width: 1.5, points: { show: false } },
          { stroke: MUTED, width: 1.5, dash: [6, 4], points: { show: false } },
        ],
      },
      { below: (u) => this.below(u), above: (u) => this.above(u) },
      events,
    );
    this.trend.el.dataset.testid = "trend-score";
    this.trend.el.setAttribute("role", "img");
    this.trend.el.setAttribute("aria-label", "Trend of the score against its threshold");
  }

  show(columns: ScoreColumns, span: [number, number]): void {
    this.columns = columns;
    this.modes = runs(columns.time, columns.mode);
    const madeUp = columns.imputed.map((share) => (share === null ? null : share > HATCH_SHARE));
    this.madeUp = runs(columns.time, madeUp).filter((run) => run.what);
    this.trend.show([columns.time, columns.score, columns.threshold], span);
  }

  private below(u: uPlot): void {
    u.ctx.fillStyle = hatchPattern(u.ctx);
    for (const run of this.madeUp) {
      const [from, to] = [run.from, run.to].map((t) => u.valToPos(t, "x", true));
      u.ctx.fillRect(from, u.bbox.top, Math.max(1, to - from), u.bbox.height);
    }
  }

  private above(u: uPlot): void {
    clipped(u, () => this.drawExcess(u));
    this.drawRibbon(u);
  }

  /** Where the score has reached the threshold it is drawn again in colour, and the area between is filled. */
  private drawExcess(u: uPlot): void {
    const { time, score, threshold } = this.columns;
    let start = -1;
    for (let ix = 0; ix <= time.length; ix++) {
      const s = score[ix] ?? null;
      const limit = threshold[ix] ?? null;
      const over = s !== null && limit !== null && s >= limit;
      if (over && start < 0) start = ix;
      if (!over && start >= 0) {
        this.drawStretch(u, start, ix - 1);
        start = -1;
      }
    }
  }

  private drawStretch(u: uPlot, first: number, last: number): void {
    const { time, score, threshold } = this.columns;
    const x = (ix: number): number => u.valToPos(time[ix], "x", true);
    const y = (value: number | null): number => u.valToPos(value ?? 0, "y", true);
    const { ctx } = u;
    ctx.beginPath();
    for (let ix = first; ix <= last; ix++) ctx.lineTo(x(ix), y(score[ix]));
    ctx.strokeStyle = ABNORMAL;
    ctx.lineWidth = 2.5 * devicePixelRatio;
    ctx.stroke();
    for (let ix = last; ix >= first; ix--) ctx.lineTo(x(ix), y(threshold[ix]));
    ctx.fillStyle = ABNORMAL_PALE;
    ctx.fill();
    if (first === last) ctx.fillRect(x(first) - 1, y(score[first]), 2, y(threshold[first]) - y(score[first]));
  }

  private drawRibbon(u: uPlot): void {
    const { ctx } = u;
    const px = devicePixelRatio;
    const top = u.bbox.top - (RIBBON_PX + RIBBON_GAP_PX / 2) * px;
    const [min, max] = [u.scales.x.min ?? 0, u.scales.x.max ?? 1];
    ctx.save();
    ctx.font = FONT.replace("11px", `${11 * px}px`);
    ctx.textBaseline = "middle";
    for (const run of this.modes) {
      if (run.to < min || run.from > max) continue;
      const from = u.valToPos(Math.max(run.from, min), "x", true);
      const width = u.valToPos(Math.min(run.to, max), "x", true) - from;
      ctx.fillStyle = this.ribbonFill(ctx, run.what);
      ctx.fillRect(from, top, Math.max(1, width), RIBBON_PX * px);
      ctx.fillStyle = FAINT;
      ctx.fillRect(from, top, px, RIBBON_PX * px);
      ctx.fillStyle = INK;
      if (ctx.measureText(run.what).width + 8 * px < width) {
        ctx.fillText(run.what, from + 5 * px, top + (RIBBON_PX / 2) * px);
      }
    }
    ctx.restore();
  }

  private ribbonFill(ctx: CanvasRenderingContext2D, mode: string): string | CanvasPattern {
    if (mode === "unknown") return hatchPattern(ctx);
    if (mode === "transition") return "#f4f5f6";
    const grey = this.greys.get(mode) ?? MODE_GREYS[this.greys.size % MODE_GREYS.length];
    this.greys.set(mode, grey);
    return grey;
  }
}

function scoreAxis(): uPlot.Axis {
  return { ...axisStyle(), size: SIDE_PX, space: 32 };
}

/** The score in human terms: how rare it is in normal operation. */
function periodAxis(gridS: () => number): uPlot.Axis {
  return {
    ...axisStyle(),
    scale: "y",
    side: 1,
    size: SIDE_PX,
    space: 32,
    grid: { show: false },
    values: (_u, splits) => splits.map((s) => returnPeriodShort(10 ** s * gridS())),
  };
}
