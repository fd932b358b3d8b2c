/** Shapes that say what colour says, for those who don't see colour. */

import { html, svg, type TemplateResult } from "lit-html";
import type { Alarm } from "../api/types";
import { PRIORITY_NAMES, priorityOf, stateText, type Priority } from "../words/alarm";

const SHAPES: Record<Priority, TemplateResult> = {
  1: svg`<rect x="2" y="2" width="16" height="16"></rect>`,
  2: svg`<path d="M10 1 19 18H1z"></path>`,
  3: svg`<path d="M10 1 19 10 10 19 1 10z"></path>`,
};

/**
 * An alarm's priority by shape, number and colour, and its state by the shape's dress: filled while active, outlined
 * once it has returned, flashing until acknowledged, grey when there is nothing left to do.
 */
export function alarmIcon(alarm: Alarm): TemplateResult {
  const priority = priorityOf(alarm.severity);
  const dress = [
    `p${priority}`,
    alarm.state,
    alarm.acknowledged ? "seen" : "unseen",
    alarm.shelved ? "shelved" : "",
  ].join(" ");
  return shape(priority, dress, `${PRIORITY_NAMES[priority]} priority. ${stateText(alarm)}`);
}

/** A priority's shape without an alarm's state. */
export function priorityIcon(priority: Priority, label: string): TemplateResult {
  return shape(priority, `p${priority} active seen`, label);
}

function shape(priority: Priority, dress: string, label: string): TemplateResult {
  const y = priority === 2 ? 15.5 : 14;
  return html`<svg class="alarm-icon ${dress}" viewBox="0 0 20 20" role="img" aria-label=${label}>
    <title>${label}</title>
    ${SHAPES[priority]}
    ${svg`<text x="10" y=${y} text-anchor="middle">${priority}</text>`}
  </svg>`;
}

/** A source or link that is up: a filled circle; down: a crossed one. */
export function linkIcon(up: boolean): TemplateResult {
  return html`<svg class="link-icon ${up ? "up" : "down"}" viewBox="0 0 12 12" aria-hidden="true">
    ${up ? svg`<circle cx="6" cy="6" r="4.5"></circle>` : svg`<path d="M2 2 10 10M10 2 2 10"></path>`}
  </svg>`;
}
