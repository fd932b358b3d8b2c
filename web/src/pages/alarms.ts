/** The alarm list. */

import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { api, failureText } from "../api/client";
import type { Alarm, AlarmFilter, LiveEvent } from "../api/types";
import type { App, Page } from "../app";
import { ackButton, alarmTimes, contributorText, TOP_CONTRIBUTORS } from "../parts/alarm-bits";
import { alarmIcon } from "../parts/icons";
import { alarmHref, assetHref } from "../router";
import { byPriority, byTime, matches, messageAfterAsset, stateText } from "../words/alarm";

const FILTERS: [AlarmFilter, string][] = [
  ["open", "Open"],
  ["active", "Active"],
  ["unacknowledged", "Unacknowledged"],
  ["cleared", "Cleared"],
  ["all", "All"],
];
const PAGE_SIZE = 50;

type Order = "priority" | "newest";

export function alarmsPage(app: App, state: string | null): Page {
  const filter = FILTERS.find(([name]) => name === state)?.[0] ?? "open";
  return new AlarmsPage(app, filter);
}

class AlarmsPage implements Page {
  readonly title = "Alarms";
  private readonly alarms = new Map<number, Alarm>();
  private order: Order;
  private cursor: string | null = null;
  private loaded = false;
  private loading = false;
  private failure: string | null = null;
  private selected: number | null = null;

  constructor(
    private readonly app: App,
    private readonly filter: AlarmFilter,
  ) {
    // What wants an answer is read by urgency, a record by time.
    this.order = filter === "all" || filter === "cleared" ? "newest" : "priority";
    void this.load(null);
  }

  refresh(): void {
    void this.load(null);
  }

  event(event: LiveEvent): void {
    if (event.type !== "alarm") return;
    const alarm = event.data;
    // One that has just been dealt with stays until the list is opened anew: a row that vanishes under the finger
    // makes the next one be acknowledged unseen.
    if (matches(alarm, this.filter) || this.alarms.has(alarm.id)) this.alarms.set(alarm.id, alarm);
  }

  selectedAlarm(): number | null {
    return this.selected;
  }

  view(): TemplateResult {
    const rows = [...this.alarms.values()].sort(this.order === "priority" ? byPriority : byTime);
    return html`<h1>Alarms</h1>
      <div class="toolbar">
        <nav class="tabs" aria-label="Which alarms">
          ${FILTERS.map(
            ([name, words]) =>
              html`<a href="#/alarms?state=${name}" aria-current=${name === this.filter ? "true" : "false"}>${words}</a>`,
          )}
        </nav>
        <label>Order
          <select @change=${(e: Event) => this.sort((e.target as HTMLSelectElement).value as Order)}>
            <option value="priority" ?selected=${this.order === "priority"}>Priority, then time</option>
            <option value="newest" ?selected=${this.order === "newest"}>Newest first</option>
          </select>
        </label>
      </div>
      ${this.failure === null ? nothing : html`<p class="notice" role="alert">${this.failure} <button @click=${() => this.refresh()}>Try again</button></p>`}
      <div class="alarm-list" role="list" aria-label="Alarms" aria-busy=${this.loading}>
        ${repeat(rows, (a) => a.id, (alarm) => this.row(alarm))}
      </div>
      ${rows.length === 0 && this.loaded ? html`<p class="empty">${this.none()}</p>` : nothing}
      ${this.cursor === null ? nothing : html`<button class="more" ?disabled=${this.loading} @click=${() => void this.load(this.cursor)}>Load more</button>`}`;
  }

  private row(alarm: Alarm): TemplateResult {
    const select = (): void => {
      this.selected = alarm.id;
      this.app.drawNow();
    };
    return html`<article
      class="alarm-row ${alarm.id === this.selected ? "selected" : ""} ${matches(alarm, this.filter) ? "" : "done"}"
      role="listitem"
      tabindex="0"
      data-testid="alarm-row"
      data-row
      data-alarm=${alarm.id}
      data-asset=${alarm.asset}
      data-href=${alarmHref(alarm.id)}
      @focusin=${select}
      @click=${select}
      aria-label="${alarm.asset}: ${alarm.message}. ${stateText(alarm)}"
    >
      ${alarmIcon(alarm)}
      <div class="what">
        <p class="message"><a href=${alarmHref(alarm.id)} tabindex="-1"><b>${alarm.asset}</b> ${messageAfterAsset(alarm)}</a></p>
        <p class="contributors">${alarm.contributions.slice(0, TOP_CONTRIBUTORS).map((c) => html`<span>${contributorText(c)}</span>`)}</p>
        <p class="state-line"><span data-testid="alarm-state">${stateText(alarm)}</span> · ${alarm.condition} · severity ${alarm.severity}</p>
      </div>
      ${alarmTimes(this.app, alarm)}
      <div class="acts">
        ${ackButton(this.app, alarm)}
        <a class="button" href=${assetHref(alarm.asset, alarm.raised_at)} aria-label="Trend of ${alarm.asset} when the alarm was raised">Trend</a>
      </div>
    </article>`;
  }

  private none(): string {
    switch (this.filter) {
      case "open":
        return "No open alarms.";
      case "all":
        return "No alarm has ever been raised.";
      default:
        return `No ${this.filter} alarms.`;
    }
  }

  private sort(order: Order): void {
    this.order = order;
    this.app.drawNow();
  }

  private async load(cursor: string | null): Promise<void> {
    this.loading = true;
    try {
      const page = await api.alarms({ state: this.filter, order: "newest", limit: PAGE_SIZE, cursor });
      for (const alarm of page.items) this.alarms.set(alarm.id, alarm);
      // A refresh brings the first page again; where the reader had got to stays.
      if (cursor !== null || !this.loaded) this.cursor = page.next_cursor ?? null;
      this.loaded = true;
      this.failure = null;
    } catch (error) {
      this.failure = `The alarms could not be read. ${failureText(error)}.`;
    }
    this.loading = false;
    this.app.invalidate();
  }
}
