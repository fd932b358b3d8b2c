/** What surrounds every page: navigation, the state of the connection, the alarm strip, the footer. */

import { html, nothing, type TemplateResult } from "lit-html";
import type { App } from "./app";
import { alarmIcon, linkIcon, priorityIcon } from "./parts/icons";
import { alarmHref } from "./router";
import { byPriority, messageAfterAsset, PRIORITY_NAMES, priorityOf, stateText, type Priority } from "./words/alarm";
import { clockTime, zoneText } from "./words/time";

const STRIP_ALARMS = 3;

export function shell(app: App): TemplateResult {
  return html`
    <a class="skip" href="#main" @click=${skipToMain}>Skip to content</a>
    <header class="top">
      <a class="brand" href="#/" aria-label="Andon, plant overview">Andon</a>
      ${navigation(app)}
      ${liveState(app)}
    </header>
    ${app.link.phase === "lost" ? lostBanner(app) : nothing} ${alarmStrip(app)} ${noticeBar(app)}
    <main id="main" tabindex="-1" class=${app.stale ? "stale" : ""}>${app.page?.view() ?? nothing}</main>
    ${footer(app)}
  `;
}

function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function navigation(app: App): TemplateResult {
  const here = location.hash.replace(/\?.*/, "");
  const link = (href: string, name: string, also?: string) => {
    const current = href === "#/" ? here === "" || here === "#/" || here.startsWith(also ?? "?") : here.startsWith(href);
    return html`<a href=${href} aria-current=${current ? "page" : "false"}>${name}</a>`;
  };
  return html`<nav aria-label="Pages">
    ${link("#/", "Plant", "#/assets")} ${link("#/alarms", "Alarms")} ${link("#/sources", "Sources")}
    ${app.demo === true ? link("#/demo", "Faults") : nothing}
  </nav>`;
}

function liveState(app: App): TemplateResult {
  const { phase } = app.link;
  const words = phase === "live" ? "Live" : phase === "connecting" ? "Connecting" : "No connection";
  return html`<div class="live-state ${phase}" data-testid="live-state" role="status">
    ${linkIcon(phase === "live")}<span>${words}</span>
    <time class="clock">${clockTime(app.now(), app.now())}</time>
  </div>`;
}

function lostBanner(app: App): TemplateResult {
  const since = clockTime(app.link.heard, Date.now());
  return html`<p class="lost-banner" role="alert">
    ${linkIcon(false)} No connection since ${since}; values are old. Trying again by itself.
  </p>`;
}

function alarmStrip(app: App): TemplateResult {
  const open = [...app.plant.alarms.values()].sort(byPriority);
  const unseen = open.filter((alarm) => !alarm.acknowledged).length;
  const total = `${open.length}${app.plant.moreAlarms ? "+" : ""}`;
  const summary = open.length === 0 ? (app.plant.loaded ? "No open alarms" : "Alarms not loaded yet") : `${total} open, ${unseen} unacknowledged`;
  return html`<section class="strip ${app.stale ? "stale" : ""}" aria-label="Open alarms" data-testid="alarm-strip">
    <a class="strip-counts" href="#/alarms" aria-label="Alarm list: ${summary}">
      ${([1, 2, 3] as Priority[]).map((p) => {
        const count = open.filter((alarm) => priorityOf(alarm.severity) === p).length;
        return count === 0
          ? nothing
          : html`<span>${priorityIcon(p, `${PRIORITY_NAMES[p]} priority`)}<b>${count}</b></span>`;
      })}
      <span class="strip-sum">${summary}</span>
    </a>
    <ul>
      ${open.slice(0, STRIP_ALARMS).map(
        (alarm) =>
          html`<li data-alarm=${alarm.id}>
            <a href=${alarmHref(alarm.id)} title=${stateText(alarm)}>
              ${alarmIcon(alarm)}
              <span class="strip-text"><b>${alarm.asset}</b> ${messageAfterAsset(alarm)}</span>
              <time>${clockTime(Date.parse(alarm.raised_at), app.now())}</time>
            </a>
          </li>`,
      )}
    </ul>
  </section>`;
}

function noticeBar(app: App): TemplateResult | typeof nothing {
  if (app.notice === null) return nothing;
  const dismiss = (): void => {
    app.notice = null;
    app.drawNow();
  };
  return html`<p class="notice" role="alert">${app.notice} <button @click=${dismiss}>Dismiss</button></p>`;
}

function footer(app: App): TemplateResult {
  const health = app.stale ? "not reached" : app.healthy === null ? "…" : app.healthy ? "healthy" : "not healthy";
  return html`<footer>
    <span>Andon ${app.version ?? ""}</span>
    <span>Server: ${health}</span>
    <span>Times in ${zoneText(new Date().getTimezoneOffset())}</span>
    <span class="keys"><kbd>↑</kbd> <kbd>↓</kbd> select an alarm, <kbd>Enter</kbd> opens, <kbd>a</kbd> acknowledges</span>
  </footer>`;
}
