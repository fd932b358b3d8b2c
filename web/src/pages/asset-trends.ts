/** The data behind an asset's trends: history by REST, the present by live verdicts, one span and one cursor for all. */

import { api, failureText, type Span } from "../api/client";
import type { Contributions, Verdict } from "../api/types";
import type { App } from "../app";
import { ScoreTrend } from "../charts/score-trend";
import { TagTrend } from "../charts/tag-trend";
import type { TrendEvents } from "../charts/trend";
import { anomalousAt, appendScore, emptyScores, indexAt, scoreColumns, trimBefore } from "../series/score";
import { appendTag, tagColumns } from "../series/tag";

/** The trends follow the present, or stand at a stretch of the past. Seconds. */
export type TrendView = { kind: "live"; span: number } | { kind: "fixed"; from: number; to: number };

const MAX_POINTS = 1500;
/** Live rows come at full resolution; after so long a long trend is read anew at its own. */
const RELOAD_S = 300;
/** Without verdicts, as while a model is being trained, samples are read this often. */
const POLL_S = 5;
/** How long live rows are kept to be put behind history that is still on its way. */
const RECENT_S = 120;
const HOVER_MS = 120;
const SHORTEST_S = 5;

export class AssetTrends {
  readonly score: ScoreTrend;
  readonly tags = new Map<string, TagTrend>();
  view: TrendView;
  loading = false;
  failure: string | null = null;
  /** The time the cursor stands at or was clicked on, in seconds. */
  hovered: number | null = null;
  pinned: number | null = null;
  /** What carried the score at `focus()`; null while it is fetched or where there is none. */
  past: Contributions | null = null;
  pastFailure: string | null = null;
  private columns = emptyScores();
  private recent: Verdict[] = [];
  private loadNumber = 0;
  private loadedAt = 0;
  private verdictAt = 0;
  private hoverTimer: number | undefined;
  private readonly events: TrendEvents;

  constructor(
    private readonly app: App,
    private readonly asset: string,
    view: TrendView,
    pinned: number | null,
  ) {
    this.view = view;
    this.events = {
      hover: (time) => this.hover(time),
      pick: (time) => this.pin(this.pinned === null ? time : null),
      zoom: (from, to) => this.setView({ kind: "fixed", from, to: Math.max(to, from + SHORTEST_S) }),
    };
    this.score = new ScoreTrend(() => this.stepS, this.events);
    if (pinned !== null) this.pin(pinned);
  }

  /** Seconds between two rows that are judged. */
  get stepS(): number {
    const asset = this.app.plant.assets.get(this.asset);
    return asset ? asset.grid_s * asset.window_stride : 1;
  }

  /** The time the page speaks of; null is the present. */
  focus(): number | null {
    return this.hovered ?? this.pinned;
  }

  /** Shows these tags; their histories are fetched. */
  setTags(names: string[]): void {
    const known = [...this.tags.keys()];
    if (known.length === names.length && names.every((name) => this.tags.has(name))) return;
    for (const name of names) if (!this.tags.has(name)) this.tags.set(name, new TagTrend(name, this.events));
    for (const name of known.filter((k) => !names.includes(k))) {
      this.tags.get(name)?.trend.destroy();
      this.tags.delete(name);
    }
    void this.load();
  }

  setView(view: TrendView): void {
    this.view = view;
    if (view.kind === "live") this.pin(null);
    void this.load();
  }

  pin(time: number | null): void {
    this.pinned = time;
    this.score.trend.setMark(time);
    for (const tag of this.tags.values()) tag.trend.setMark(time);
    this.focusMoved();
  }

  verdict(verdict: Verdict): void {
    this.verdictAt = performance.now();
    const newest = Date.parse(verdict.time);
    this.recent.push(verdict);
    this.recent = this.recent.filter((v) => newest - Date.parse(v.time) < RECENT_S * 1000);
    if (this.view.kind === "fixed" || this.loading) return;
    this.append(verdict);
    this.draw();
  }

  tick(): void {
    if (this.view.kind === "fixed" || this.loading) return;
    const since = (then: number): number => (performance.now() - then) / 1000;
    const silent = since(this.verdictAt) > POLL_S && since(this.loadedAt) > POLL_S;
    const coarse = this.view.span > 2 * RELOAD_S && since(this.loadedAt) > RELOAD_S;
    if ((silent || coarse) && !this.app.stale) void this.load();
    else this.draw();
  }

  async load(): Promise<void> {
    const number = ++this.loadNumber;
    this.loading = true;
    this.draw();
    const [from, to] = this.span();
    const span: Span = { from: from * 1000, to: to * 1000, maxPoints: MAX_POINTS };
    try {
      const [scores] = await Promise.all([api.scores(this.asset, span), ...this.tagLoads(span, number)]);
      if (number !== this.loadNumber) return;
      this.columns = scoreColumns(scores.items, this.gapS());
      this.failure = null;
    } catch (error) {
      if (number !== this.loadNumber) return;
      this.failure = `The trends could not be read. ${failureText(error)}.`;
    }
    this.loading = false;
    this.loadedAt = performance.now();
    if (this.view.kind === "live") for (const verdict of this.recent) this.append(verdict);
    this.draw();
    this.app.invalidate();
  }

  /** What stood on a tag's trend at a time: the newest entry of each line up to then. */
  tagAt(tag: string, time: number): { value: number | null; low: number | null; high: number | null } | null {
    const columns = this.tags.get(tag)?.columns;
    const ix = columns ? indexAt(columns.time, time) : -1;
    if (!columns || ix < 0) return null;
    const newest = (cells: (number | null | undefined)[]): number | null => {
      for (let i = ix; i >= 0; i--) if (cells[i] !== undefined) return cells[i] ?? null;
      return null;
    };
    return { value: newest(columns.value), low: newest(columns.low), high: newest(columns.high) };
  }

  destroy(): void {
    this.loadNumber++;
    window.clearTimeout(this.hoverTimer);
    this.score.trend.destroy();
    for (const tag of this.tags.values()) tag.trend.destroy();
  }

  private tagLoads(span: Span, number: number): Promise<void>[] {
    return [...this.tags].map(async ([name, trend]) => {
      const [samples, expected] = await Promise.all([
        api.samples(this.asset, name, span),
        api.expected(this.asset, name, span),
      ]);
      if (number === this.loadNumber) trend.columns = tagColumns(samples.items, expected.items, this.gapS());
    });
  }

  private append(verdict: Verdict): void {
    appendScore(this.columns, verdict, this.gapS());
    const time = Date.parse(verdict.time) / 1000;
    for (const tag of verdict.tags) {
      const trend = this.tags.get(tag.tag);
      if (trend) appendTag(trend.columns, time, tag, this.gapS());
    }
  }

  private draw(): void {
    const span = this.span();
    if (this.view.kind === "live") {
      trimBefore(this.columns, span[0]);
      for (const tag of this.tags.values()) trimBefore(tag.columns, span[0]);
    }
    this.score.show(this.columns, span);
    const anomalous = (time: number): boolean => anomalousAt(this.columns, time);
    for (const tag of this.tags.values()) tag.show(tag.columns, span, anomalous);
  }

  /** The stretch that is shown. The present is its right edge, unless all there is lies further back. */
  private span(): [number, number] {
    if (this.view.kind === "fixed") return [this.view.from, this.view.to];
    const now = this.app.now() / 1000;
    const last = Date.parse(this.app.plant.assets.get(this.asset)?.last_sample ?? "") / 1000;
    const edge = !Number.isFinite(last) ? now : now - last > this.view.span ? last : Math.max(now, last);
    return [edge - this.view.span, edge];
  }

  /** A longer silence is a gap. A thinned trend has its points up to two buckets apart, so there it takes longer. */
  private gapS(): number {
    const [from, to] = this.span();
    return Math.max(5 * this.stepS, (5 * (to - from)) / MAX_POINTS);
  }

  private hover(time: number | null): void {
    if (this.hovered === time) return;
    this.hovered = time;
    this.focusMoved();
  }

  private focusMoved(): void {
    window.clearTimeout(this.hoverTimer);
    const time = this.focus();
    if (time === null) this.past = null;
    else this.hoverTimer = window.setTimeout(() => void this.loadContributions(time), HOVER_MS);
    this.app.invalidate();
  }

  private async loadContributions(time: number): Promise<void> {
    // Asked for in a gap or before the first score, the server would only say that there is none.
    const ix = indexAt(this.columns.time, time);
    if (ix < 0 || this.columns.score[ix] === null) {
      this.past = null;
      this.pastFailure = "No score at that time.";
      return this.app.invalidate();
    }
    try {
      const past = await api.contributions(this.asset, this.columns.time[ix] * 1000);
      if (this.focus() !== time) return;
      this.past = past;
      this.pastFailure = null;
    } catch (error) {
      if (this.focus() !== time) return;
      this.past = null;
      this.pastFailure = `${failureText(error)}.`;
    }
    this.app.invalidate();
  }
}
