/** What an alarm's numbers mean, and the order in which alarms are read. */

import type { Alarm, AlarmFilter } from "../api/types";

/** 1 is the most urgent. */
export type Priority = 1 | 2 | 3;

/** The severity bands of OPC companion specifications: 1-333 low, 334-666 medium, 667-1000 high. */
export function priorityOf(severity: number): Priority {
  return severity >= 667 ? 1 : severity >= 334 ? 2 : 3;
}

export const PRIORITY_NAMES: Record<Priority, string> = { 1: "High", 2: "Medium", 3: "Low" };

export const isOpen = (alarm: Alarm): boolean => alarm.state === "active" || !alarm.acknowledged;

/** The alarm's state in words; it never relies on colour or shape. */
export function stateText(alarm: Alarm): string {
  const words = alarm.state === "active" ? "Active" : "Returned to normal";
  const seen = alarm.acknowledged ? "acknowledged" : "unacknowledged";
  return `${words}, ${seen}${alarm.shelved ? ", shelved" : ""}`;
}

/** The message without the asset's name at its beginning, for where the name stands in front of it anyway. */
export function messageAfterAsset(alarm: Alarm): string {
  const { asset, message } = alarm;
  return message.startsWith(`${asset} `) ? message.slice(asset.length + 1) : message;
}

/** Whether an alarm belongs on a list with this filter. */
export function matches(alarm: Alarm, filter: AlarmFilter): boolean {
  switch (filter) {
    case "all":
      return true;
    case "open":
      return isOpen(alarm);
    case "active":
      return alarm.state === "active";
    case "cleared":
      return alarm.state === "cleared";
    case "unacknowledged":
      return !alarm.acknowledged;
  }
}

/** Most urgent first, then newest first. */
export function byPriority(a: Alarm, b: Alarm): number {
  return priorityOf(a.severity) - priorityOf(b.severity) || byTime(a, b);
}

/** Newest first; of two at one time the later numbered. */
export function byTime(a: Alarm, b: Alarm): number {
  return Date.parse(b.raised_at) - Date.parse(a.raised_at) || b.id - a.id;
}
