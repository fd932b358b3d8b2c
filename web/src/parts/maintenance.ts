/** Maintenance of an asset: what is in force, and the form that orders or ends it. */

import { html, nothing, type TemplateResult } from "lit-html";
import { api } from "../api/client";
import type { Asset, Maintenance } from "../api/types";
import type { App } from "../app";
import { clockTime } from "../words/time";

/** How long from now, in minutes; it ends by itself. */
const SPANS: [number, string][] = [
  [15, "15 min"],
  [60, "1 h"],
  [4 * 60, "4 h"],
  [8 * 60, "8 h"],
  [24 * 60, "24 h"],
];

/** `Maintenance until 14:00:00`, with the reason and who ordered it where one hovers. */
export function maintenanceBadge(m: Maintenance | null | undefined, nowMs: number): TemplateResult | typeof nothing {
  if (!m) return nothing;
  const until = m.until === null ? "" : ` until ${clockTime(Date.parse(m.until), nowMs)}`;
  const why = m.by === null ? m.reason : `${m.reason} (${m.by})`;
  return html`<span class="badge" data-testid="maintenance" title=${why}>Maintenance${until}: ${m.reason}</span>`;
}

export function maintenanceForm(app: App, asset: Asset): TemplateResult {
  return html`<details class="panel maintenance" data-testid="maintenance-form">
    <summary>Maintenance</summary>
    ${asset.maintenance ? running(app, asset, asset.maintenance) : order(app, asset)}
  </details>`;
}

function running(app: App, asset: Asset, m: Maintenance): TemplateResult {
  const end = (): void => void app.change(api.endMaintenance(asset.name), "Maintenance was not ended.");
  return html`<p class="muted">The score raises no alarm and nothing is learned.</p>
    ${m.cause === "operator"
      ? html`<button data-testid="maintenance-end" @click=${end}>End maintenance</button>`
      : html`<p class="muted">It ends by itself: ${m.reason}.</p>`}`;
}

function order(app: App, asset: Asset): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const until = new Date(app.now() + Number(form.get("minutes")) * 60_000);
    const asked = api.maintain(asset.name, until, String(form.get("reason") ?? "").trim());
    void app.change(asked, `${asset.name} is not under maintenance.`);
  };
  return html`<form class="ack-form" @submit=${submit}>
    <label>For<select name="minutes">${SPANS.map(([m, words]) => html`<option value=${m} ?selected=${m === 60}>${words}</option>`)}</select></label>
    <label>Reason<input name="reason" required maxlength="500" autocomplete="off" /></label>
    <button data-testid="maintenance-begin">Begin maintenance</button>
  </form>`;
}
