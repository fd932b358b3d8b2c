/** Bars and small trends. Lengths are SVG attributes, so that they work under a strict content security policy. */

import { html, svg, type TemplateResult } from "lit-html";
import type { SparkPoint } from "../live/plant";
import { SPARK_MS } from "../live/plant";
import { thin } from "../series/thin";

/**
 * The score as a bar whose middle is the threshold, so that bars of all assets compare at a glance. The normal half is
 * marked; a score past twice the threshold ends in an arrow.
 */
export function scoreBar(score: number | null, threshold: number | null): TemplateResult {
  if (score === null || threshold === null || threshold <= 0) {
    return html`<svg class="score-bar blank" viewBox="0 0 200 14" preserveAspectRatio="none" aria-hidden="true">
      ${svg`<rect class="ground" width="200" height="14"></rect>`}
    </svg>`;
  }
  const length = Math.min(200, (score / threshold) * 100);
  const over = score >= threshold;
  return html`<svg class="score-bar ${over ? "over" : ""}" viewBox="0 0 200 14" preserveAspectRatio="none" aria-hidden="true">
    ${svg`<rect class="ground" width="200" height="14"></rect>
      <rect class="normal" width="100" height="14"></rect>
      <rect class="fill" y="3" width=${length} height="8"></rect>
      <rect class="limit" x="99" width="2" height="14"></rect>
      ${length >= 200 ? svg`<path class="beyond" d="M190 1 199 7 190 13z"></path>` : ""}`}
  </svg>`;
}

/** A share from 0 to 1 as a bar. */
export function shareBar(share: number, marked = false): TemplateResult {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return html`<svg class="share-bar ${marked ? "marked" : ""}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    ${svg`<rect class="ground" width="100" height="8"></rect><rect class="fill" width=${width} height="8"></rect>`}
  </svg>`;
}

const SPARK_W = 240;
const SPARK_H = 36;

/** The score over the last ten minutes, on a scale whose top is twice the threshold at least. */
export function sparkLine(points: SparkPoint[], threshold: number | null, nowMs: number): TemplateResult {
  const few = thin(points, SPARK_W / 2);
  const limit = threshold ?? 4;
  const top = Math.max(limit * 1.5, ...few.map((p) => p.score ?? 0));
  const newest = few[few.length - 1]?.time ?? nowMs;
  const right = Math.abs(nowMs - newest) < SPARK_MS ? Math.max(nowMs, newest) : newest;
  const x = (time: number): number => SPARK_W * (1 - (right - time) / SPARK_MS);
  const y = (score: number): number => SPARK_H - 1 - (score / top) * (SPARK_H - 3);
  return html`<svg class="spark" viewBox="0 0 ${SPARK_W} ${SPARK_H}" preserveAspectRatio="none" aria-hidden="true">
    ${threshold === null ? "" : svg`<path class="limit" d="M0 ${y(limit).toFixed(1)}H${SPARK_W}"></path>`}
    ${svg`<path class="line" d=${path(few, x, y)}></path>`}
  </svg>`;
}

function path(points: SparkPoint[], x: (t: number) => number, y: (s: number) => number): string {
  let pen = "M";
  let d = "";
  let last: number | null = null;
  for (const { time, score } of points) {
    if (score === null || (last !== null && time - last > 30_000)) pen = "M";
    if (score === null) continue;
    d += `${pen}${x(time).toFixed(1)} ${y(score).toFixed(1)}`;
    pen = "L";
    last = time;
  }
  return d;
}
