/** One asset: its score and tags over time, what carries the score, its model and its alarms. */

import { html, nothing, type TemplateResult } from "lit-html";
import { api, ApiError, failureText } from "../api/client";
import type { Asset, AssetDetail, ContributionRow, LiveEvent, TagValue, Verdict } from "../api/types";
import type { App, Page } from "../app";
import { isStale } from "../live/plant";
import { ackButton, expectationText } from "../parts/alarm-bits";
import { modelCard } from "../parts/asset-facts";
import { scoreBar, shareBar } from "../parts/bars";
import { alarmIcon } from "../parts/icons";
import { maintenanceBadge, maintenanceForm } from "../parts/maintenance";
import { alarmHref } from "../router";
import { byPriority, stateText } from "../words/alarm";
import { deviationText, quantityText, scoreText, shareText, unitText, valueText } from "../words/number";
import { clockTime, returnPeriodText } from "../words/time";
import { AssetTrends, type TrendView } from "./asset-trends";
import { lastSample, stateName } from "./overview";

const SPANS: [number, string][] = [
  [600, "10 min"],
  [3600, "1 h"],
  [8 * 3600, "8 h"],
  [24 * 3600, "24 h"],
];
/** Around a moment one came for, six minutes before and four after. */
const BEFORE_S = 360;
const AFTER_S = 240;
/** More trends than this are shown on demand. */
const FIRST_TAGS = 12;

export function assetPage(app: App, name: string, at: number | null, span: number | null): Page {
  return new AssetPage(app, name, at === null ? null : at / 1000, span);
}

class AssetPage implements Page {
  readonly title: string;
  private readonly trends: AssetTrends;
  private detail: AssetDetail | null = null;
  private latest: Verdict | null = null;
  private failure: string | null = null;
  private allTags = false;

  constructor(
    private readonly app: App,
    private readonly name: string,
    at: number | null,
    span: number | null,
  ) {
    this.title = name;
    const view: TrendView =
      at === null
        ? { kind: "live", span: span ?? SPANS[0][0] }
        : { kind: "fixed", from: at - BEFORE_S, to: at + AFTER_S };
    this.trends = new AssetTrends(app, name, view, at);
    void this.load();
  }

  refresh(): void {
    void this.load();
    void this.trends.load();
  }

  event(event: LiveEvent): void {
    if (event.type !== "verdict" || event.data.asset !== this.name) return;
    this.latest = event.data;
    this.trends.verdict(event.data);
  }

  tick(): void {
    this.trends.tick();
  }

  leave(): void {
    this.trends.destroy();
  }

  selectedAlarm(): number | null {
    const unseen = this.alarms().find((alarm) => !alarm.acknowledged);
    return unseen?.id ?? null;
  }

  view(): TemplateResult {
    const asset = this.app.plant.assets.get(this.name) ?? this.detail;
    if (!asset) {
      return html`<p class="crumbs"><a href="#/">Plant</a> › ${this.name}</p>
        <p class="empty">${this.failure ?? "Reading the asset…"}</p>`;
    }
    return html`<p class="crumbs"><a href="#/">Plant</a> › ${asset.area ? html`${asset.area.split("/").join(" › ")} › ` : nothing}${asset.name}</p>
      ${this.header(asset)}
      <div class="asset-page">
        <div class="trends">
          ${this.toolbar()}
          ${this.trends.failure === null ? nothing : html`<p class="notice" role="alert">${this.trends.failure}</p>`}
          <section class="panel trend-panel" aria-label="Score">
            <header>
              <h2>Score against threshold</h2>
              <p class="legend">
                ${key("line", "score")}${key("dash", "threshold")}${key("over", "at or above it")}${key("hatch", "imputed")}
              </p>
              <small class="muted">right: once in</small>
            </header>
            ${this.trends.score.trend.el}
          </section>
          ${this.tagPanels()}
        </div>
        <aside>
          ${this.contributions(asset)} ${this.alarmPanel()} ${maintenanceForm(this.app, asset)} ${modelCard(asset, this.app.now())}
        </aside>
      </div>`;
  }

  private header(asset: Asset): TemplateResult {
    const now = this.app.now();
    const stale = this.app.stale || isStale(asset, now);
    return html`<section class="panel asset-head ${asset.anomalous ? "abnormal" : ""} ${stale ? "stale" : ""}" aria-label="State">
      <div class="asset-name">
        <h1>${asset.name}</h1>
        <p>
          <span class="state state-${asset.state}">${stateName(asset)}</span>
          ${asset.anomalous ? html`<span class="condition">▲ Above threshold</span>` : nothing}
        </p>
        <p>
          ${maintenanceBadge(asset.maintenance, now)}
          ${asset.frozen ? html`<span class="badge" data-testid="frozen" title="It learns nothing while an alarm is active or someone works on the asset">Threshold frozen</span>` : nothing}
        </p>
      </div>
      <div class="asset-score">
        <p>
          <span class="number" data-testid="score-${asset.name}">${scoreText(asset.score)}</span>
          <span class="of">${asset.score === null ? "no score yet" : `of ${scoreText(asset.threshold)}`}</span>
          <span class="period">${returnPeriodText(asset.return_period_s)}</span>
        </p>
        ${scoreBar(asset.score, asset.threshold)}
        ${findings(asset)}
      </div>
      <dl class="facts">
        <div><dt>Mode</dt><dd>${asset.mode ?? "–"}</dd></div>
        <div><dt>Status</dt><dd class=${asset.status === "Good" ? "" : "doubt"}>${asset.status === "Good" ? "" : "? "}${asset.status}</dd></div>
        <div><dt>Imputed</dt><dd>${shareText(asset.imputed)}</dd></div>
        <div><dt>Last sample</dt><dd class=${stale ? "doubt" : ""}>${stale ? "? " : ""}${lastSample(asset, now)}</dd></div>
      </dl>
    </section>`;
  }

  private toolbar(): TemplateResult {
    const { view } = this.trends;
    const live = view.kind === "live";
    const go = (span: number): void => {
      history.replaceState(null, "", `#/assets/${encodeURIComponent(this.name)}?span=${span}`);
      this.trends.setView({ kind: "live", span });
      this.app.drawNow();
    };
    return html`<div class="toolbar">
      <div class="tabs" role="group" aria-label="Span of time">
        ${SPANS.map(
          ([span, words]) =>
            html`<button aria-pressed=${live && view.span === span} @click=${() => go(span)}>${words}</button>`,
        )}
      </div>
      <p class="muted">
        ${live
          ? html`Live. Drag over a trend to look closer, click to hold a moment.`
          : html`${clockTime(view.from * 1000, this.app.now())} to ${clockTime(view.to * 1000, this.app.now())}
              <button @click=${() => go(SPANS[0][0])}>Back to live</button>`}
        ${this.trends.loading ? html`<span class="busy">Loading…</span>` : nothing}
      </p>
    </div>`;
  }

  private tagPanels(): TemplateResult {
    const tags = this.detail?.tag_values ?? [];
    const shown = this.allTags ? tags : tags.slice(0, FIRST_TAGS);
    const more = (): void => {
      this.allTags = true;
      this.trends.setTags(tags.map((t) => t.name));
      this.app.drawNow();
    };
    return html`<p class="legend">
        Tags:${key("line", "value")}${key("band", "expected band")}${key("thin", "expected value")}
        ${key("over", "outside it while anomalous")}${key("dot", "imputed or uncertain")}${key("hatch", "not measured")}
      </p>
      ${shown.map((tag) => this.tagPanel(tag))}
      ${shown.length < tags.length ? html`<button class="more" @click=${more}>Show all ${tags.length} tags</button>` : nothing}`;
  }

  private tagPanel(tag: TagValue): TemplateResult {
    const focus = this.trends.focus();
    const now = this.latest?.tags.find((t) => t.tag === tag.name);
    const shown =
      focus === null
        ? { value: now?.value ?? tag.value, low: now?.expected_low ?? tag.expected_low, high: now?.expected_high ?? tag.expected_high }
        : this.trends.tagAt(tag.name, focus);
    const imputed = focus === null && (now?.imputed ?? false);
    const doubt = imputed ? "imputed" : focus === null && !now && tag.quality !== "Good" ? tag.quality : "";
    return html`<section class="panel trend-panel" aria-label=${tag.name}>
      <header>
        <h2>${tag.name}</h2>
        <p class="reading">
          <b class=${doubt === "" ? "" : "doubt"}>${doubt === "" ? "" : "? "}${quantityText(shown?.value, tag.unit)}</b>
          ${shown && shown.low !== null && shown.high !== null
            ? html`<span class="muted">expected ${valueText(shown.low)} to ${valueText(shown.high)} ${unitText(tag.unit)}</span>`
            : nothing}
          ${doubt === "" ? nothing : html`<span class="doubt">${doubt}</span>`}
        </p>
      </header>
      ${this.trends.tags.get(tag.name)?.trend.el ?? nothing}
    </section>`;
  }

  private contributions(asset: Asset): TemplateResult {
    const focus = this.trends.focus();
    const rows = focus === null ? this.presentContributions() : (this.trends.past?.items ?? []);
    const when = focus === null ? "now" : `at ${clockTime(focus * 1000, this.app.now())}`;
    const past = this.trends.past;
    const over =
      focus === null
        ? asset.anomalous
        : past !== null && past.score !== null && past.threshold !== null && past.score >= past.threshold;
    return html`<section class="panel" aria-label="Contributions" data-testid="contributions">
      <h2>What carries the score <small>${when}</small></h2>
      ${focus !== null && past ? html`<p class="muted">Score ${scoreText(past.score)} of ${scoreText(past.threshold)}, mode ${past.mode ?? "–"}</p>` : nothing}
      ${focus !== null && !past && this.trends.pastFailure ? html`<p class="muted">${this.trends.pastFailure}</p>` : nothing}
      ${focus === null && rows.length === 0 ? html`<p class="muted">No score yet.</p>` : nothing}
      <ul class="contributions">
        ${[...rows]
          .sort((a, b) => b.contribution - a.contribution)
          .map(
            (row) => html`<li>
              <span class="tag">${row.tag}</span><span class="share">${shareText(row.contribution)}</span>
              ${shareBar(row.contribution, over)}
              <small>${deviationText(row.value, row.expected, row.unit)} (${expectationText(row.value, row.expected, row.unit)})</small>
            </li>`,
          )}
      </ul>
      ${this.trends.pinned === null ? nothing : html`<button @click=${() => this.trends.pin(null)}>Back to now</button>`}
    </section>`;
  }

  private presentContributions(): ContributionRow[] {
    const unit = (tag: string): string => this.detail?.tag_values.find((t) => t.name === tag)?.unit ?? "";
    if (this.latest) {
      return this.latest.tags.map((t) => ({ ...t, contribution: t.contribution ?? 0, unit: unit(t.tag) }));
    }
    return (this.detail?.tag_values ?? [])
      .filter((t) => t.contribution !== null)
      .map((t) => ({ ...t, tag: t.name, contribution: t.contribution ?? 0 }));
  }

  private alarms() {
    return this.app.plant.alarmsOf(this.name).sort(byPriority);
  }

  private alarmPanel(): TemplateResult {
    const alarms = this.alarms();
    return html`<section class="panel" aria-label="Open alarms of ${this.name}">
      <h2>Open alarms</h2>
      ${alarms.length === 0 ? html`<p class="muted">None.</p>` : nothing}
      <ul class="mini-alarms">
        ${alarms.map(
          (alarm) => html`<li data-alarm=${alarm.id}>
            ${alarmIcon(alarm)}
            <div>
              <a href=${alarmHref(alarm.id)}>${alarm.message}</a>
              <small class="muted">${stateText(alarm)} · raised ${clockTime(Date.parse(alarm.raised_at), this.app.now())}</small>
            </div>
            ${ackButton(this.app, alarm)}
          </li>`,
        )}
      </ul>
    </section>`;
  }

  private async load(): Promise<void> {
    try {
      this.detail = await api.asset(this.name);
      this.failure = null;
      const names = this.detail.tag_values.map((t) => t.name);
      this.trends.setTags(this.allTags ? names : names.slice(0, FIRST_TAGS));
    } catch (error) {
      const unknown = error instanceof ApiError && error.status === 404;
      this.failure = unknown ? `There is no asset named ${this.name}.` : `The asset could not be read. ${failureText(error)}.`;
    }
    this.app.invalidate();
  }
}

/** What is wrong, a sentence a tag. */
function findings(asset: Asset): TemplateResult | typeof nothing {
  const found = asset.findings ?? [];
  if (found.length === 0) return nothing;
  return html`<ul class="findings" data-testid="findings">${found.map((f) => html`<li>${f.text}</li>`)}</ul>`;
}

function key(mark: string, words: string): TemplateResult {
  return html`<span class="nowrap"><i class="key ${mark}"></i> ${words}</span>`;
}
