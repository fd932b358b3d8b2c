/** The keyboard: `a` acknowledges the selected alarm, the arrows walk a list, Enter opens. */

import type { App } from "../app";

export function listenForKeys(app: App): void {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isEditing(event.target)) return;
    if (event.key === "a") acknowledgeSelected(app, event);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") walk(event);
    if (event.key === "Enter") follow(event);
  });
}

function isEditing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, select, textarea");
}

function alarmInFocus(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>("[data-alarm]") ?? null;
}

function acknowledgeSelected(app: App, event: KeyboardEvent): void {
  const focused = alarmInFocus()?.dataset.alarm;
  const id = focused === undefined ? (app.page?.selectedAlarm?.() ?? null) : Number(focused);
  if (id === null) return;
  event.preventDefault();
  void app.acknowledge(id);
}

function walk(event: KeyboardEvent): void {
  const row = document.activeElement?.closest<HTMLElement>("[data-row]");
  // With no row selected the first arrow selects the first row of the page.
  const list = row?.parentElement ?? document.querySelector<HTMLElement>("main [data-row]")?.parentElement;
  if (!list) return;
  const rows = [...list.querySelectorAll<HTMLElement>("[data-row]")];
  const next = row ? rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)] : rows[0];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function follow(event: KeyboardEvent): void {
  const target = event.target;
  if (target instanceof HTMLElement && target.matches("[data-row][data-href]") && target.dataset.href) {
    event.preventDefault();
    location.hash = target.dataset.href;
  }
}
