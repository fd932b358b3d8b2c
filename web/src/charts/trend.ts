/** What the score's trend and the tags' trends have in common: a uPlot that follows its box, its span and the cursor. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { FAINT, FONT, GRID, INK, MUTED } from "./theme";

export interface TrendEvents {
  /** The cursor stands at a time, in seconds; null when it has left. */
  hover(time: number | null): void;
  /** A time was clicked. */
  pick(time: number): void;
  /** A span was dragged over. */
  zoom(from: number, to: number): void;
}

export interface Underlay {
  /** Drawn below the lines. */
  below?(u: uPlot): void;
  /** Drawn above the lines. */
  above?(u: uPlot): void;
}

/** All trends of the page share one cursor. */
const SYNC_KEY = "trends";
/** A shorter drag is a click. */
const DRAG_PX = 8;
/** Room for the numbers beside the plot, the same in every trend so that their times stand above each other. */
export const SIDE_PX = 54;

export class Trend {
  readonly el = document.createElement("div");
  private plot: uPlot | null = null;
  private data: uPlot.AlignedData = [[]];
  private span: [number, number] = [0, 1];
  private mark: number | null = null;
  private readonly resize = new ResizeObserver(() => this.fit());

  constructor(
    private readonly options: Pick<uPlot.Options, "series" | "axes" | "scales" | "padding" | "bands"> & { height: number },
    private readonly draws: Underlay,
    private readonly events: TrendEvents,
  ) {
    this.el.className = "trend";
    this.el.style.height = `${options.height}px`;
    this.resize.observe(this.el);
  }

  show(data: uPlot.AlignedData, span: [number, number]): void {
    this.data = data;
    this.span = span;
    // The browser test reads how much is drawn from here.
    this.el.dataset.points = String(data[0].length);
    this.refresh();
  }

  /** Marks a time with a line; null takes it away. */
  setMark(time: number | null): void {
    if (this.mark === time) return;
    this.mark = time;
    this.plot?.redraw(false);
  }

  destroy(): void {
    this.resize.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  private fit(): void {
    const width = Math.floor(this.el.clientWidth);
    if (width === 0) return;
    if (this.plot) this.plot.setSize({ width, height: this.options.height });
    else this.create(width);
  }

  private refresh(): void {
    this.plot?.setData(this.data, false);
    this.plot?.setScale("x", { min: this.span[0], max: this.span[1] });
  }

  private create(width: number): void {
    const { scales, ...rest } = this.options;
    const options: uPlot.Options = {
      ...rest,
      width,
      scales: { x: { time: true, auto: false }, ...scales },
      legend: { show: false },
      cursor: {
        sync: { key: SYNC_KEY, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false, dist: DRAG_PX },
        points: { show: false },
        y: false,
      },
      hooks: {
        drawAxes: [(u) => clipped(u, () => this.draws.below?.(u))],
        draw: [(u) => this.draws.above?.(u), (u) => this.drawMark(u)],
        setCursor: [(u) => this.events.hover(cursorTime(u))],
        setSelect: [(u) => this.selected(u)],
        ready: [(u) => this.listen(u)],
      },
    };
    this.plot = new uPlot(options, this.data, this.el);
    this.refresh();
  }

  private selected(u: uPlot): void {
    if (u.select.width < DRAG_PX) return;
    const [from, to] = [u.select.left, u.select.left + u.select.width].map((x) => u.posToVal(x, "x"));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.events.zoom(from, to);
  }

  private listen(u: uPlot): void {
    let downX = 0;
    u.over.addEventListener("mousedown", (e) => (downX = e.clientX));
    u.over.addEventListener("click", (e) => {
      const time = cursorTime(u);
      if (time !== null && Math.abs(e.clientX - downX) < DRAG_PX) this.events.pick(time);
    });
  }

  private drawMark(u: uPlot): void {
    if (this.mark === null || this.mark < this.span[0] || this.mark > this.span[1]) return;
    const x = Math.round(u.valToPos(this.mark, "x", true));
    u.ctx.save();
    u.ctx.strokeStyle = INK;
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  }
}

function cursorTime(u: uPlot): number | null {
  const left = u.cursor.left ?? -1;
  return left < 0 ? null : u.posToVal(left, "x");
}

/** Draws inside the plot's box only. */
export function clipped(u: uPlot, draw: () => void): void {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  draw();
  u.ctx.restore();
}

const pad = (n: number): string => String(n).padStart(2, "0");

/** The axis of time, in local time on a 24-hour clock. */
export function timeAxis(): uPlot.Axis {
  return {
    ...axisStyle(),
    size: 24,
    space: 76,
    values: (_u, splits, _ax, _space, step) =>
      splits.map((s) => {
        const t = new Date(s * 1000);
        if (step >= 86_400) return `${pad(t.getMonth() + 1)}-${pad(t.getDate())}`;
        const minutes = `${pad(t.getHours())}:${pad(t.getMinutes())}`;
        return step >= 60 ? minutes : `${minutes}:${pad(t.getSeconds())}`;
      }),
  };
}

export function axisStyle(): uPlot.Axis {
  return {
    font: FONT,
    stroke: MUTED,
    grid: { stroke: GRID, width: 1 },
    ticks: { stroke: GRID, width: 1, size: 4 },
    border: { show: false, stroke: FAINT },
    gap: 4,
  };
}
