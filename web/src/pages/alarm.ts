/** One alarm with its journal. */

import { html, nothing, type TemplateResult } from "lit-html";
import { api, failureText } from "../api/client";
import type { AlarmDetail, Assessment, LiveEvent } from "../api/types";
import type { App, Page } from "../app";
import { alarmTimes, expectationText } from "../parts/alarm-bits";
import { shareBar } from "../parts/bars";
import { alarmIcon } from "../parts/icons";
import { alarmHref, assetHref } from "../router";
import { messageAfterAsset, PRIORITY_NAMES, priorityOf, stateText } from "../words/alarm";
import { deviationText, shareText } from "../words/number";
import { clockTime } from "../words/time";

export function alarmPage(app: App, id: number): Page {
  return new AlarmPage(app, id);
}

class AlarmPage implements Page {
  readonly title: string;
  private alarm: AlarmDetail | null = null;
  private failure: string | null = null;

  constructor(
    private readonly app: App,
    private readonly id: number,
  ) {
    this.title = `Alarm ${id}`;
    void this.load();
  }

  refresh(): void {
    void this.load();
  }

  event(event: LiveEvent): void {
    // The event carries no journal, so the whole is read again.
    if (event.type === "alarm" && event.data.id === this.id) void this.load();
  }

  selectedAlarm(): number | null {
    return this.alarm?.acknowledged === false ? this.id : null;
  }

  view(): TemplateResult {
    const { alarm } = this;
    return html`<p class="crumbs"><a href="#/alarms">Alarms</a> › ${this.id}</p>
      ${this.failure === null ? nothing : html`<p class="notice" role="alert">${this.failure}</p>`}
      ${alarm === null ? nothing : this.detail(alarm)}`;
  }

  private detail(alarm: AlarmDetail): TemplateResult {
    return html`<article class="alarm-detail" data-alarm=${alarm.id} data-asset=${alarm.asset}>
      <header>
        ${alarmIcon(alarm)}
        <div>
          <h1>${alarm.asset} ${messageAfterAsset(alarm)}</h1>
          <p class="muted">
            <span data-testid="alarm-state">${stateText(alarm)}</span> · ${alarm.condition} ·
            ${PRIORITY_NAMES[priorityOf(alarm.severity)]} priority (severity ${alarm.severity})
          </p>
        </div>
        <a class="button" href=${assetHref(alarm.asset, alarm.raised_at)}>Trend at that time</a>
      </header>
      <div class="two">
        <section class="panel" aria-label="Contributions">
          <h2>What carried it</h2>
          ${alarm.contributions.length === 0 ? html`<p class="muted">No tag is named.</p>` : nothing}
          <ul class="contributions">
            ${alarm.contributions.map(
              (c) => html`<li>
                <span class="tag">${c.tag}</span><span class="share">${shareText(c.share)}</span>
                ${shareBar(c.share, true)}
                ${c.finding ? html`<small>${c.finding.text}</small>` : nothing}
                <small>${deviationText(c.value, c.expected, c.unit)} (${expectationText(c.value, c.expected, c.unit)})</small>
              </li>`,
            )}
          </ul>
        </section>
        <section class="panel" aria-label="Times">
          <h2>Times</h2>
          ${alarmTimes(this.app, alarm)} ${alarm.acknowledged ? nothing : this.acknowledgement()}
          ${this.assessment(alarm)}
        </section>
        ${this.alike(alarm)}
      </div>
      ${this.journal(alarm)}
    </article>`;
  }

  private acknowledgement(): TemplateResult {
    const submit = (event: SubmitEvent): void => {
      event.preventDefault();
      const form = new FormData(event.target as HTMLFormElement);
      void this.app.acknowledge(this.id, String(form.get("comment") ?? "").trim());
    };
    return html`<form class="ack-form" @submit=${submit}>
      <label>Comment (optional)<input name="comment" autocomplete="off" maxlength="500" /></label>
      <button class="ack" data-testid="alarm-ack">Acknowledge</button>
    </form>`;
  }

  private assessment(alarm: AlarmDetail): TemplateResult {
    const say = (said: Assessment) => (): void =>
      void this.app.change(api.assess(this.id, said), `Alarm ${this.id} was not assessed.`);
    const button = (said: Assessment, words: string): TemplateResult =>
      html`<button aria-pressed=${alarm.assessment === said} data-testid="assess-${said}" @click=${say(said)}>${words}</button>`;
    return html`<div class="assessment">
      <p class="muted">Was it real? A nuisance, while it is active, is learned as normal.</p>
      <div class="tabs" role="group" aria-label="Assessment">${button("real", "Real")}${button("nuisance", "Nuisance")}</div>
    </div>`;
  }

  private alike(alarm: AlarmDetail): TemplateResult | typeof nothing {
    const alike = alarm.alike ?? [];
    if (alike.length === 0) return nothing;
    const now = this.app.now();
    return html`<section class="panel" aria-label="Looked like" data-testid="alike">
      <h2>Looked like</h2>
      <ul class="mini-alarms">
        ${alike.map(
          (past) => html`<li>
            <span class="share">${shareText(past.similarity)}</span>
            <div>
              <a href=${alarmHref(past.id)}>${past.message}</a>
              <small class="muted">${clockTime(Date.parse(past.raised_at), now)}${past.assessment === null ? nothing : `, ${past.assessment}`}</small>
            </div>
          </li>`,
        )}
      </ul>
    </section>`;
  }

  private journal(alarm: AlarmDetail): TemplateResult {
    const now = this.app.now();
    return html`<section class="panel scroll" aria-label="Journal">
      <h2>Journal</h2>
      <table>
        <thead><tr><th>Time</th><th>What</th><th>By</th><th>Comment</th></tr></thead>
        <tbody>
          ${alarm.journal.map(
            (entry) => html`<tr>
              <td class="nowrap">${clockTime(Date.parse(entry.time), now)}</td>
              <td>${entry.transition.replace("_", " ")}</td>
              <td>${entry.by ?? "detector"}</td>
              <td>${entry.comment ?? ""}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </section>`;
  }

  private async load(): Promise<void> {
    try {
      this.alarm = await api.alarm(this.id);
      this.failure = null;
    } catch (error) {
      this.failure = `Alarm ${this.id} could not be read. ${failureText(error)}.`;
    }
    this.app.invalidate();
  }
}
