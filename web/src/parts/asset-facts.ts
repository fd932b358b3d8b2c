/** Facts about an asset that more than one page shows. */

import { html, nothing, type TemplateResult } from "lit-html";
import type { Asset, Model, Training } from "../api/types";
import { clockTime, longSpan } from "../words/time";
import { shareBar } from "./bars";

export function trainingBar(training: Training | null): TemplateResult {
  if (!training) return html`<p class="training">Learning: collecting normal operation</p>`;
  const { epoch, epochs, loss, eta_s } = training;
  return html`<div
    class="training"
    role="progressbar"
    aria-label="Training"
    aria-valuemin="0"
    aria-valuemax=${epochs}
    aria-valuenow=${epoch}
    data-testid="training"
  >
    <p>
      Learning: epoch ${epoch} of ${epochs}${loss === null ? nothing : `, loss ${loss.toPrecision(3)}`}${
        eta_s === null ? nothing : `, ${longSpan(Math.max(1, Math.round(eta_s)))} left`
      }
    </p>
    ${shareBar(epochs > 0 ? epoch / epochs : 0)}
  </div>`;
}

export function modelCard(asset: Asset, nowMs: number): TemplateResult {
  const { model } = asset;
  return html`<section class="panel" aria-label="Model">
    <h2>Model</h2>
    ${model
      ? html`<dl class="facts rows">
          <div><dt>Version</dt><dd>${model.version}</dd></div>
          <div><dt>Trained</dt><dd>${clockTime(Date.parse(model.trained_at), nowMs)}</dd></div>
          ${fact("From", model.trained_from && clockTime(Date.parse(model.trained_from), nowMs))}
          ${fact("To", model.trained_to && clockTime(Date.parse(model.trained_to), nowMs))}
          ${fact("Weights", model.parameters?.toLocaleString("en-US"))}
          ${fact("Calibration rows", model.calibration_rows?.toLocaleString("en-US"))}
          ${fact("Challengers' residuals", challengers(model))}
          ${fact("Changed after the fit, not in force", model.unheeded?.join(", "))}
          <div><dt>Tags</dt><dd>${asset.tags.length}</dd></div>
          <div><dt>Grid</dt><dd>${asset.grid_s} s</dd></div>
        </dl>`
      : html`<p class="muted">No model yet: verdicts begin when one is trained.</p>`}
    ${asset.model_trouble ? html`<p class="notice" role="alert">${asset.model_trouble}</p>` : nothing}
    ${asset.state === "Learning" || asset.training ? trainingBar(asset.training) : nothing}
  </section>`;
}

/** "var 1.04x, ridge 2.31x": the linear models' residuals, in units of the model's. */
function challengers(model: Model): string | undefined {
  return model.challengers?.map((c) => `${c.kind} ${c.residual_ratio.toFixed(2)}x`).join(", ");
}

function fact(name: string, value: string | null | undefined): TemplateResult | typeof nothing {
  return value ? html`<div><dt>${name}</dt><dd>${value}</dd></div>` : nothing;
}
