/** The OPC UA servers that tags are read from. */

import { html, type TemplateResult } from "lit-html";
import type { App, Page } from "../app";
import type { Source } from "../api/types";
import { linkIcon } from "../parts/icons";
import { ageText } from "../words/time";

export function sourcesPage(app: App): Page {
  return { title: "Sources", view: () => view(app) };
}

function view(app: App): TemplateResult {
  const sources = [...app.plant.sources.values()];
  return html`<h1>Sources</h1>
    ${sources.length === 0
      ? html`<p class="empty">${app.plant.loaded ? "No source is configured." : "Reading the plant's state…"}</p>`
      : html`<div class="panel scroll">
          <table>
            <thead>
              <tr><th>Source</th><th>State</th><th>Last sample</th><th class="num">Monitored items</th><th class="num">Samples/s</th><th>Reason</th></tr>
            </thead>
            <tbody>${sources.map((source) => row(app, source))}</tbody>
          </table>
        </div>`}`;
}

function row(app: App, source: Source): TemplateResult {
  const age = source.last_sample === null ? "never" : ageText((app.now() - Date.parse(source.last_sample)) / 1000);
  const limit = source.monitored_item_limit;
  return html`<tr class=${source.connected ? "" : "abnormal"} data-testid="source-${source.name}">
    <td><b>${source.name}</b><br /><small class="muted">${source.endpoint}</small></td>
    <td class="nowrap">${linkIcon(source.connected)} ${source.connected ? "Connected" : "Not connected"}</td>
    <td class="nowrap">${app.stale ? "? " : ""}${age}</td>
    <td class="num">${source.monitored_items}${limit === null ? "" : ` of at most ${limit}`}</td>
    <td class="num">${source.samples_per_second.toFixed(1)}</td>
    <td>${source.reason ?? ""}</td>
  </tr>`;
}
