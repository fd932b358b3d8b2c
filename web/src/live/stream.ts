/** The stream of server-sent events, which reopens itself for as long as the page lives. */

import { LIVE_EVENTS, type LiveEvent } from "../api/types";
import { initialLink, retryDelayMs, stepLink, type Link, type LinkEvent } from "./link";

/** After so long without an event the server is asked whether it is still there. */
const SILENCE_MS = 10_000;

export interface StreamHandlers {
  /** The connection changed; `opened` where events may have been missed before it. */
  link(link: Link, opened: boolean): void;
  event(event: LiveEvent): void;
  /** Resolves if the server can be reached. */
  probe(): Promise<void>;
}

export class LiveStream {
  link: Link = initialLink(Date.now());
  private source: EventSource | null = null;
  private retry: number | undefined;
  private probing = false;

  constructor(
    private readonly url: string,
    private readonly handlers: StreamHandlers,
  ) {
    window.setInterval(() => void this.checkSilence(), 2000);
    window.addEventListener("online", () => this.open());
    this.open();
  }

  private open(): void {
    window.clearTimeout(this.retry);
    this.source?.close();
    const source = new EventSource(this.url);
    this.source = source;
    source.onopen = () => this.step("opened");
    // EventSource gives up for good on some failures and retries others; one rule for all is to close and open anew.
    source.onerror = () => this.fail();
    for (const type of LIVE_EVENTS) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        this.step("heard");
        this.handlers.event({ type, data: JSON.parse(message.data) } as LiveEvent);
      });
    }
  }

  private fail(): void {
    this.source?.close();
    this.source = null;
    this.step("failed");
    window.clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.open(), retryDelayMs(this.link.failures));
  }

  /** A half-open connection gives no error: silence is settled by a request. */
  private async checkSilence(): Promise<void> {
    if (this.link.phase !== "live" || this.probing || Date.now() - this.link.heard < SILENCE_MS) return;
    this.probing = true;
    try {
      await this.handlers.probe();
      this.step("heard");
    } catch {
      this.fail();
    } finally {
      this.probing = false;
    }
  }

  private step(event: LinkEvent): void {
    const before = this.link;
    this.link = stepLink(before, event, Date.now());
    if (before.phase !== this.link.phase) this.handlers.link(this.link, event === "opened");
  }
}
