/** Joins the plant, the live stream and the page that is shown. */

import { api, failureText } from "./api/client";
import { now } from "./api/clock";
import type { Alarm, Asset, LiveEvent } from "./api/types";
import type { Link } from "./live/link";
import { Plant, SPARK_MS } from "./live/plant";
import { LiveStream } from "./live/stream";
import type { TemplateResult } from "lit-html";

export interface Page {
  title: string;
  view(): TemplateResult;
  /** A live event has been applied to the plant. */
  event?(event: LiveEvent): void;
  /** The link is back: what was missed must be fetched. */
  refresh?(): void;
  /** A second has passed. */
  tick?(): void;
  /** The alarm that `a` acknowledges if none has the focus. */
  selectedAlarm?(): number | null;
  leave?(): void;
}

/** Live values may come by the hundred a second; the page is drawn so often at the most. */
const DRAW_MS = 250;
const OPEN_ALARMS_SHOWN = 200;
const RESYNC_MS = 60_000;
const CATCH_UP_MS = 2000;

export class App {
  readonly plant = new Plant();
  version: string | null = null;
  healthy: boolean | null = null;
  /** None until the server has said whether it is a demo. */
  demo: boolean | null = null;
  /** What went wrong last, shown until it is dismissed or something works again. */
  notice: string | null = null;
  page: Page | null = null;
  private readonly stream: LiveStream;
  private drawing = false;
  private lastDraw = 0;
  private catchingUp = false;

  constructor(private readonly draw: () => void) {
    this.stream = new LiveStream("/api/v1/live", {
      link: (_link, opened) => {
        // Where the stream alone fails, the present state can still be read.
        if (opened || !this.plant.loaded) void this.resync(true);
        this.invalidate();
      },
      event: (event) => this.event(event),
      probe: () => api.healthy(),
    });
    window.setInterval(() => this.tick(), 1000);
    window.setInterval(() => void this.resync(false), RESYNC_MS);
  }

  get link(): Link {
    return this.stream.link;
  }

  /** Values on the screen can't be trusted to be the present ones. */
  get stale(): boolean {
    return this.link.phase === "lost";
  }

  now(): number {
    return now();
  }

  /** Has the page drawn again soon. */
  invalidate(): void {
    if (this.drawing) return;
    this.drawing = true;
    const wait = Math.max(0, this.lastDraw + DRAW_MS - performance.now());
    window.setTimeout(() => {
      this.drawing = false;
      this.lastDraw = performance.now();
      this.draw();
    }, wait);
  }

  /** Draws at once, in answer to what the user did. */
  drawNow(): void {
    this.lastDraw = performance.now();
    this.draw();
  }

  /** Acknowledges an alarm; the alarm as it then is, or null if that failed and was said so. */
  async acknowledge(id: number, comment?: string): Promise<Alarm | null> {
    try {
      const alarm = await api.acknowledge(id, comment);
      this.event({ type: "alarm", data: alarm });
      this.notice = null;
      return alarm;
    } catch (error) {
      this.notice = `Alarm ${id} was not acknowledged. ${failureText(error)}.`;
      return null;
    } finally {
      this.drawNow();
    }
  }

  /** Does what changes an alarm or an asset, and shows how it then is; what failed is said as `failed`. */
  async change(asked: Promise<Alarm | Asset>, failed: string): Promise<boolean> {
    try {
      const data = await asked;
      this.event("id" in data ? { type: "alarm", data } : { type: "asset", data });
      this.notice = null;
      return true;
    } catch (error) {
      this.notice = `${failed} ${failureText(error)}.`;
      return false;
    } finally {
      this.drawNow();
    }
  }

  private event(event: LiveEvent): void {
    if (event.type === "missed") return this.catchUp();
    this.plant.apply(event);
    this.page?.event?.(event);
    this.invalidate();
  }

  /** Reads anew what the feed left out, soon; a page that is too slow as it is does so once for many. */
  private catchUp(): void {
    if (this.catchingUp) return;
    this.catchingUp = true;
    window.setTimeout(() => {
      this.catchingUp = false;
      void this.resync(true);
    }, CATCH_UP_MS);
  }

  private tick(): void {
    this.page?.tick?.();
    this.invalidate();
  }

  /** Fetches the whole present state, with `history` also what may have been missed of the past. */
  private async resync(history: boolean): Promise<void> {
    try {
      const [assets, alarms, sources] = await Promise.all([
        api.assets(),
        api.alarms({ state: "open", limit: OPEN_ALARMS_SHOWN }),
        api.sources(),
      ]);
      this.plant.replaceAssets(assets.items);
      this.plant.replaceAlarms(alarms.items, (alarms.next_cursor ?? null) !== null);
      this.plant.replaceSources(sources.items);
      this.plant.loaded = true;
      this.invalidate();
      if (history) this.page?.refresh?.();
      await Promise.all([history ? this.loadSparks() : null, this.loadAbout()]);
    } catch (error) {
      // The link says when the server can't be reached; anything else needs words of its own.
      if (this.link.phase === "live") this.notice = `The plant's state could not be read. ${failureText(error)}.`;
    }
    this.invalidate();
  }

  private async loadSparks(): Promise<void> {
    const to = this.now();
    const names = [...this.plant.assets.values()].filter((a) => a.score !== null).map((a) => a.name);
    await Promise.all(
      names.map(async (name) => {
        const scores = await api.scores(name, { from: to - SPARK_MS, to, maxPoints: 600 });
        this.plant.replaceSpark(name, scores.items);
      }),
    );
  }

  private async loadAbout(): Promise<void> {
    this.healthy = await api.healthy().then(
      () => true,
      () => false,
    );
    this.version ??= await api.version().then(
      (v) => v.version,
      () => null,
    );
    this.demo ??= await api.faults().then(
      () => true,
      () => false,
    );
  }
}
