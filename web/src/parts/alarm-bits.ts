/** Pieces of an alarm that the list and the detail share. */

import { html, nothing, type TemplateResult } from "lit-html";
import type { Alarm, AlarmContribution } from "../api/types";
import type { App } from "../app";
import { deviationText, quantityText, shareText } from "../words/number";
import { clockTime } from "../words/time";

export const TOP_CONTRIBUTORS = 3;

/** `Temperature 62 %: 6.2 °C above expected`. */
export function contributorText(c: AlarmContribution): string {
  return `${c.tag} ${shareText(c.share)}: ${deviationText(c.value, c.expected, c.unit)}`;
}

export function expectationText(value: number | null, expected: number | null, unit: string): string {
  return `${quantityText(value, unit)}, expected ${quantityText(expected, unit)}`;
}

export function alarmTimes(app: App, alarm: Alarm): TemplateResult {
  const now = app.now();
  const time = (text: string): string => clockTime(Date.parse(text), now);
  return html`<dl class="times">
    <div><dt>Raised</dt><dd>${time(alarm.raised_at)}</dd></div>
    <div><dt>Cleared</dt><dd>${alarm.cleared_at === null ? "–" : time(alarm.cleared_at)}</dd></div>
    <div>
      <dt>Acknowledged</dt>
      <dd>${alarm.acknowledged_at === null ? "–" : time(alarm.acknowledged_at)}${alarm.acknowledged_by ? html` <small>${alarm.acknowledged_by}</small>` : nothing}</dd>
    </div>
  </dl>`;
}

export function ackButton(app: App, alarm: Alarm): TemplateResult | typeof nothing {
  if (alarm.acknowledged) return nothing;
  const press = (event: Event): void => {
    event.stopPropagation();
    void app.acknowledge(alarm.id);
  };
  return html`<button class="ack" data-testid="alarm-ack" @click=${press} aria-label="Acknowledge alarm ${alarm.id} of ${alarm.asset}">
    Acknowledge
  </button>`;
}
