/** The demo's faults: inject one and watch it become an alarm. */

import { html, nothing, type TemplateResult } from "lit-html";
import { api, failureText } from "../api/client";
import { FAULT_KINDS, type Fault, type FaultKind, type FaultOrder } from "../api/types";
import type { App, Page } from "../app";
import { assetHref } from "../router";
import { clockTime, longSpan } from "../words/time";

const MEANING: Record<FaultKind, string> = {
  spike: "a short jump of one tag",
  drift: "a tag wanders off slowly",
  stuck: "a tag stands still though the machine moves",
  contextual: "a value that is normal, but in another mode",
  leak: "two tags that belong together part",
  noise: "a tag becomes restless",
  out_of_range: "a tag leaves its instrument's range",
};
const USUAL_DURATION_S = 60;
const POLL_S = 3;

export function demoPage(app: App): Page {
  return new DemoPage(app);
}

class DemoPage implements Page {
  readonly title = "Faults";
  private faults: Fault[] | null = null;
  private asset: string | null = null;
  private kind: FaultKind = "out_of_range";
  private said: { text: string; bad: boolean } | null = null;
  private ticks = 0;

  constructor(private readonly app: App) {
    void this.load();
  }

  tick(): void {
    this.ticks += 1;
    if (this.ticks % POLL_S === 0) void this.load();
  }

  refresh(): void {
    void this.load();
  }

  view(): TemplateResult {
    return html`<h1>Faults of the simulated plant</h1>
      <div class="two">
        <section class="panel" aria-label="Inject a fault"><h2>Inject</h2>${this.form()}</section>
        <section class="panel" aria-label="Faults in force"><h2>In force</h2>${this.list()}</section>
      </div>`;
  }

  private form(): TemplateResult {
    const assets = [...this.app.plant.assets.values()];
    const asset = assets.find((a) => a.name === this.asset) ?? assets[0];
    const pickAsset = (e: Event): void => {
      this.asset = (e.target as HTMLSelectElement).value;
      this.app.drawNow();
    };
    const pickKind = (e: Event): void => {
      this.kind = (e.target as HTMLSelectElement).value as FaultKind;
      this.app.drawNow();
    };
    return html`<form class="fault-form" data-testid="fault-form" @submit=${(e: SubmitEvent) => void this.inject(e)}>
      <label>Asset
        <select name="asset" required @change=${pickAsset}>
          ${assets.map((a) => html`<option value=${a.name} ?selected=${a === asset}>${a.name}</option>`)}
        </select>
      </label>
      <label>Kind
        <select name="kind" required @change=${pickKind}>
          ${FAULT_KINDS.map((kind) => html`<option value=${kind} ?selected=${kind === this.kind}>${kind.replaceAll("_", " ")}</option>`)}
        </select>
        <small>${MEANING[this.kind]}</small>
      </label>
      <label>Tag
        <select name="tag">
          <option value="">chosen by the simulator</option>
          ${(asset?.tags ?? []).map((tag) => html`<option value=${tag}>${tag}</option>`)}
        </select>
      </label>
      <label>Magnitude
        <input name="magnitude" type="number" step="any" placeholder="usual" />
        <small>in standard deviations of the tag within its mode</small>
      </label>
      <label>Duration, s <input name="duration_s" type="number" min="1" max="86400" step="any" .defaultValue=${String(USUAL_DURATION_S)} /></label>
      <button class="ack" data-testid="fault-inject" ?disabled=${asset === undefined}>Inject fault</button>
      ${this.said === null ? nothing : html`<p class=${this.said.bad ? "notice" : "said"} role="status">${this.said.text}</p>`}
    </form>`;
  }

  private list(): TemplateResult {
    if (this.faults === null) return html`<p class="muted">Reading…</p>`;
    if (this.faults.length === 0) return html`<p class="muted">None: the plant runs as it was learned.</p>`;
    return html`<ul class="faults">
      ${this.faults.map(
        (fault) => html`<li data-testid="fault-row">
          <span>
            <a href=${assetHref(fault.asset)}>${fault.asset}</a>: <b>${fault.kind.replaceAll("_", " ")}</b>${fault.tag === null ? "" : ` on ${fault.tag}`}${
              fault.magnitude === null ? "" : `, magnitude ${fault.magnitude}`
            }
            <small class="muted">since ${clockTime(Date.parse(fault.started_at), this.app.now())}${this.remaining(fault)}</small>
          </span>
          <button @click=${() => void this.clear(fault)} aria-label="Clear ${fault.kind} on ${fault.asset}">Clear</button>
        </li>`,
      )}
    </ul>`;
  }

  private remaining(fault: Fault): string {
    const left = fault.ends_at === null ? NaN : (Date.parse(fault.ends_at) - this.app.now()) / 1000;
    return Number.isFinite(left) && left > 0 ? `, ${longSpan(Math.ceil(left))} left` : "";
  }

  private async inject(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const order = faultOrder(form);
    try {
      await api.injectFault(order);
      this.said = { text: `Injected: ${order.kind.replaceAll("_", " ")} on ${order.asset}. If it is noticed, its alarm shows above.`, bad: false };
    } catch (error) {
      this.said = { text: `Not injected. ${failureText(error)}.`, bad: true };
    }
    await this.load();
  }

  private async clear(fault: Fault): Promise<void> {
    try {
      await api.clearFault(fault.id);
    } catch (error) {
      this.said = { text: `Not cleared. ${failureText(error)}.`, bad: true };
    }
    await this.load();
  }

  private async load(): Promise<void> {
    try {
      this.faults = (await api.faults()).items;
    } catch (error) {
      this.said ??= { text: `The faults could not be read. ${failureText(error)}.`, bad: true };
    }
    this.app.invalidate();
  }
}

function faultOrder(form: FormData): FaultOrder {
  const text = (name: string): string => String(form.get(name) ?? "").trim();
  const order: FaultOrder = { asset: text("asset"), kind: text("kind") as FaultKind };
  if (text("tag") !== "") order.tag = text("tag");
  if (text("magnitude") !== "") order.magnitude = Number(text("magnitude"));
  if (text("duration_s") !== "") order.duration_s = Number(text("duration_s"));
  return order;
}
