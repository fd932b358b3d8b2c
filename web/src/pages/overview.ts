/** Every asset of the plant at a glance, by area. */

import { html, nothing, type TemplateResult } from "lit-html";
import type { App, Page } from "../app";
import type { Asset } from "../api/types";
import { isStale } from "../live/plant";
import { trainingBar } from "../parts/asset-facts";
import { scoreBar, sparkLine } from "../parts/bars";
import { priorityIcon } from "../parts/icons";
import { assetHref } from "../router";
import { PRIORITY_NAMES, priorityOf } from "../words/alarm";
import { scoreText, shareText } from "../words/number";
import { ageText, returnPeriodText } from "../words/time";

export function overviewPage(app: App): Page {
  return { title: "Plant", view: () => view(app) };
}

function view(app: App): TemplateResult {
  const assets = [...app.plant.assets.values()];
  if (!app.plant.loaded) return html`<p class="empty">Reading the plant's state…</p>`;
  if (assets.length === 0) {
    return html`<p class="empty">No asset is configured. Add an <code>[[asset]]</code> block to the configuration; <code>andon browse</code> writes one.</p>`;
  }
  return html`<h1 class="sr">Plant overview</h1>
    ${byArea(assets).map(
      ([area, members]) =>
        html`<section class="area" aria-label=${area}>
          <h2>${area.split("/").join(" › ")} <small>${summary(members)}</small></h2>
          <div class="cards">${members.map((asset) => card(app, asset))}</div>
        </section>`,
    )}`;
}

/** Areas in the order of their names, assets in the server's order. */
function byArea(assets: Asset[]): [string, Asset[]][] {
  const areas = new Map<string, Asset[]>();
  for (const asset of assets) {
    const area = asset.area === null || asset.area === "" ? "Plant" : asset.area;
    areas.set(area, [...(areas.get(area) ?? []), asset]);
  }
  return [...areas].sort(([a], [b]) => a.localeCompare(b));
}

function summary(assets: Asset[]): string {
  const abnormal = assets.filter((a) => a.anomalous).length;
  const words = `${assets.length} asset${assets.length === 1 ? "" : "s"}`;
  return abnormal === 0 ? words : `${words}, ${abnormal} abnormal`;
}

function card(app: App, asset: Asset): TemplateResult {
  const now = app.now();
  const stale = app.stale || isStale(asset, now);
  const spark = app.plant.sparks.get(asset.name) ?? [];
  return html`<a
    class="card ${asset.anomalous ? "abnormal" : ""} ${stale ? "stale" : ""}"
    href=${assetHref(asset.name)}
    data-testid="asset-card-${asset.name}"
  >
    <header>
      <h3>${asset.name}</h3>
      ${condition(app, asset)}
      <span class="state state-${asset.state}">${stateName(asset)}</span>
    </header>
    ${asset.state === "Learning" && asset.score === null ? learning(asset) : scores(asset)}
    ${sparkLine(spark, asset.threshold, now)}
    <dl class="facts">
      <div><dt>Mode</dt><dd>${asset.mode ?? "–"}</dd></div>
      <div><dt>Last sample</dt><dd class=${stale ? "doubt" : ""}>${stale ? "? " : ""}${lastSample(asset, now)}</dd></div>
      <div><dt>Imputed</dt><dd>${shareText(asset.imputed)}</dd></div>
    </dl>
  </a>`;
}

export function lastSample(asset: Asset, nowMs: number): string {
  return asset.last_sample === null ? "never" : ageText((nowMs - Date.parse(asset.last_sample)) / 1000);
}

/** The state in plain words; `Active` is the normal one. */
export function stateName(asset: Asset): string {
  return asset.state === "NoData" ? "No data" : asset.state;
}

/** What is wrong, if anything: the most urgent active alarm, or a score that has only just reached its threshold. */
function condition(app: App, asset: Asset): TemplateResult | typeof nothing {
  const active = app.plant.alarmsOf(asset.name).filter((alarm) => alarm.state === "active");
  if (active.length > 0) {
    const priority = priorityOf(Math.max(...active.map((alarm) => alarm.severity)));
    return html`<span class="condition">${priorityIcon(priority, `${PRIORITY_NAMES[priority]} priority alarm`)} Alarm</span>`;
  }
  return asset.anomalous ? html`<span class="condition">▲ Above threshold</span>` : nothing;
}

function learning(asset: Asset): TemplateResult {
  return html`<div class="learning">${trainingBar(asset.training)}</div>`;
}

function scores(asset: Asset): TemplateResult {
  return html`<div class="score">
    <p>
      <span class="number" data-testid="score-${asset.name}">${scoreText(asset.score)}</span>
      <span class="of">${asset.score === null ? noScore(asset) : `of ${scoreText(asset.threshold)}`}</span>
      <span class="period">${returnPeriodText(asset.return_period_s)}</span>
    </p>
    ${scoreBar(asset.score, asset.threshold)}
    ${asset.status === "Good" ? nothing : html`<p class="status">? ${asset.status}</p>`}
    ${asset.training ? trainingBar(asset.training) : nothing}
  </div>`;
}

function noScore(asset: Asset): string {
  return asset.state === "NoData" ? "no data from its tags yet" : "no score yet";
}
