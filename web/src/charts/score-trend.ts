/** The score against its threshold, with the operating mode above it. */

import type uPlot from "uplot";
import { emptyScores, excesses, runs, type Run, type ScoreColumns } from "../series/score";
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
/** Modes shorter than this on average would be a bar code. */
const LEAST_RUN_PX = 4;
/** From this share of made-up cells on a stretch is hatched. */
const HATCH_SHARE = 0.05;

export class ScoreTrend {
  readonly trend: Trend;
  private columns = emptyScores();
  private modes: Run<string>[] = [];
  private madeUp: Run<boolean>[] = [];
  private readonly greys = new Map<string, string>();

  constructor(stepS: () => number, events: TrendEvents) {
    this.trend = new Trend(
      {
        height: 220,
        padding: [RIBBON_PX + RIBBON_GAP_PX, 0, 0, 0],
        scales: { y: { range: (_u, _min, max) => [0, Math.min(17, Math.max(2, (max ?? 0) * 1.15))] } },
        axes: [timeAxis(), scoreAxis(), periodAxis(stepS)],
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
    const { ctx } = u;
    ctx.save();
    ctx.setLineDash([]);
    ctx.strokeStyle = ABNORMAL;
    ctx.fillStyle = ABNORMAL_PALE;
    ctx.lineWidth = 2.5 * devicePixelRatio;
    ctx.lineJoin = "round";
    for (const stretch of excesses(this.columns)) {
      ctx.beginPath();
      for (const p of stretch) ctx.lineTo(u.valToPos(p.time, "x", true), u.valToPos(p.score, "y", true));
      ctx.stroke();
      for (const p of stretch.reverse()) ctx.lineTo(u.valToPos(p.time, "x", true), u.valToPos(p.threshold, "y", true));
      ctx.fill();
    }
    ctx.restore();
  }

  private drawRibbon(u: uPlot): void {
    const { ctx } = u;
    const px = devicePixelRatio;
    const top = u.bbox.top - (RIBBON_PX + RIBBON_GAP_PX / 2) * px;
    const [min, max] = [u.scales.x.min ?? 0, u.scales.x.max ?? 1];
    ctx.save();
    ctx.font = FONT.replace("11px", `${11 * px}px`);
    ctx.textBaseline = "middle";
    const shown = this.modes.filter((run) => run.to >= min && run.from <= max);
    if (shown.length > u.bbox.width / (LEAST_RUN_PX * px)) {
      ctx.fillStyle = MODE_GREYS[1];
      ctx.fillRect(u.bbox.left, top, u.bbox.width, RIBBON_PX * px);
      ctx.fillStyle = MUTED;
      ctx.fillText("modes change too often to be shown over this span", u.bbox.left + 5 * px, top + (RIBBON_PX / 2) * px);
      shown.length = 0;
    }
    for (const run of shown) {
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
function periodAxis(stepS: () => number): uPlot.Axis {
  return {
    ...axisStyle(),
    scale: "y",
    side: 1,
    size: SIDE_PX,
    space: 32,
    grid: { show: false },
    values: (_u, splits) => splits.map((s) => returnPeriodShort(10 ** s * stepS())),
  };
}
