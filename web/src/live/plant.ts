/** What the dashboard knows of the plant now, kept up to date by live events. */

import type { Alarm, Asset, LiveEvent, ScoreRow, Source, Verdict } from "../api/types";
import { isOpen } from "../words/alarm";

export interface SparkPoint {
  /** Milliseconds since the epoch. */
  time: number;
  /** None where there was no score. */
  score: number | null;
}

/** How far back the small trends of the overview go. */
export const SPARK_MS = 10 * 60_000;

export class Plant {
  readonly assets = new Map<string, Asset>();
  readonly sparks = new Map<string, SparkPoint[]>();
  /** Open alarms only. */
  readonly alarms = new Map<number, Alarm>();
  readonly sources = new Map<string, Source>();
  /** There are more open alarms than were loaded. */
  moreAlarms = false;
  loaded = false;

  replaceAssets(assets: Asset[]): void {
    this.assets.clear();
    for (const asset of assets) this.assets.set(asset.name, asset);
  }

  replaceAlarms(alarms: Alarm[], more: boolean): void {
    this.alarms.clear();
    this.moreAlarms = more;
    for (const alarm of alarms) this.applyAlarm(alarm);
  }

  replaceSources(sources: Source[]): void {
    this.sources.clear();
    for (const source of sources) this.sources.set(source.name, source);
  }

  replaceSpark(asset: string, rows: ScoreRow[]): void {
    this.sparks.set(
      asset,
      rows.map((row) => ({ time: Date.parse(row.time), score: row.score })),
    );
  }

  apply(event: LiveEvent): void {
    switch (event.type) {
      case "verdict":
        return this.applyVerdict(event.data);
      case "asset":
        this.assets.set(event.data.name, event.data);
        return;
      case "alarm":
        return this.applyAlarm(event.data);
      case "source":
        this.sources.set(event.data.name, event.data);
        return;
      case "training": {
        const asset = this.assets.get(event.data.asset);
        if (asset) this.assets.set(asset.name, { ...asset, training: event.data });
        return;
      }
      case "missed":
        return;
    }
  }

  applyAlarm(alarm: Alarm): void {
    if (isOpen(alarm)) this.alarms.set(alarm.id, alarm);
    else this.alarms.delete(alarm.id);
  }

  alarmsOf(asset: string): Alarm[] {
    return [...this.alarms.values()].filter((alarm) => alarm.asset === asset);
  }

  private applyVerdict(verdict: Verdict): void {
    const asset = this.assets.get(verdict.asset);
    if (!asset) return;
    const { score, threshold, probability, return_period_s, mode, imputed, status, anomalous } = verdict;
    // A row that was wholly made up is no sign of life from the PLC.
    const heard = verdict.tags.length === 0 || verdict.tags.some((tag) => !tag.imputed);
    const last_sample = heard ? later(asset.last_sample, verdict.time) : asset.last_sample;
    const now = { score, threshold, probability, return_period_s, mode, imputed, status, anomalous, last_sample };
    const { findings = [], frozen = asset.frozen } = verdict;
    this.assets.set(asset.name, { ...asset, ...now, findings, frozen });
    this.extendSpark(asset.name, { time: Date.parse(verdict.time), score });
  }

  private extendSpark(asset: string, point: SparkPoint): void {
    const spark = this.sparks.get(asset) ?? [];
    const last = spark[spark.length - 1];
    if (last && point.time <= last.time) return;
    spark.push(point);
    const stale = spark.findIndex((p) => p.time > point.time - SPARK_MS);
    if (stale > 0) spark.splice(0, stale);
    this.sparks.set(asset, spark);
  }
}

function later(a: string | null, b: string): string {
  return a === null || Date.parse(b) > Date.parse(a) ? b : a;
}

/** The newest sample is older than the asset's rhythm explains. */
export function isStale(asset: Asset, nowMs: number): boolean {
  if (asset.last_sample === null) return true;
  return nowMs - Date.parse(asset.last_sample) > staleAfterMs(asset.grid_s);
}

/** Five rows of silence are a gap to the server; a few seconds more are the way to the screen. */
export function staleAfterMs(gridS: number): number {
  return (gridS * 5 + 5) * 1000;
}
