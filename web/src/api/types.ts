/** The JSON of `/api/v1`. Times are RFC 3339 in UTC. */

export type AssetState = "NoData" | "Learning" | "Shadow" | "Active" | "Maintenance" | "Disabled";
export type Quality = "Good" | "Uncertain" | "Bad";

export interface List<T> {
  items: T[];
  next_cursor?: string | null;
}

export interface Training {
  epoch: number;
  epochs: number;
  loss: number | null;
  eta_s: number | null;
}

export interface Model {
  version: string | number;
  trained_at: string;
  /** The span of history it was fitted to. */
  trained_from?: string | null;
  trained_to?: string | null;
  /** How many weights it has. */
  parameters?: number | null;
  /** Rows that judgement was calibrated on. */
  calibration_rows?: number | null;
  /** Linear models on those rows, their residuals in units of the model's. */
  challengers?: { kind: string; residual_ratio: number }[];
  /** Keys of the configuration that were changed after the fit and count with the next one. */
  unheeded?: string[];
}

/** What is wrong with a tag; `health` is NAMUR NE 107's word. */
export interface Finding {
  tag: string;
  class: string;
  text: string;
  health: string;
}

export interface Maintenance {
  cause: "operator" | "tag" | "schedule";
  /** None while a switch says so. */
  until: string | null;
  reason: string;
  by: string | null;
}

export type Assessment = "real" | "nuisance";

export interface Asset {
  name: string;
  area: string | null;
  state: AssetState;
  mode: string | null;
  score: number | null;
  threshold: number | null;
  probability: number | null;
  return_period_s: number | null;
  /** Share of the window that was made up, 0 to 1. */
  imputed: number | null;
  /** The name of an OPC UA status code, such as `UncertainSubNormal`. */
  status: string;
  last_sample: string | null;
  anomalous: boolean;
  tags: string[];
  model: Model | null;
  /** Why there is no model, or why it can't be used. */
  model_trouble?: string | null;
  training: Training | null;
  open_alarms: number;
  /** Seconds between two rows. */
  grid_s: number;
  /** Rows between two that are judged. */
  window_stride: number;
  /** What is wrong with the tags that carry the score; empty unless it has reached the threshold. */
  findings?: Finding[];
  maintenance?: Maintenance | null;
  /** Nothing teaches the threshold at present. */
  frozen?: boolean;
}

export interface TagValue {
  name: string;
  unit: string;
  range: [number, number] | null;
  kind: string;
  value: number | null;
  expected: number | null;
  expected_low: number | null;
  expected_high: number | null;
  residual: number | null;
  contribution: number | null;
  quality: Quality;
  time: string | null;
}

export interface AssetDetail extends Asset {
  tag_values: TagValue[];
}

export interface ScoreRow {
  time: string;
  score: number | null;
  threshold: number | null;
  probability: number | null;
  mode: string | null;
  imputed: number | null;
}

export interface ContributionRow {
  tag: string;
  /** Share of the score, 0 to 1. */
  contribution: number;
  value: number | null;
  expected: number | null;
  residual: number | null;
  unit: string;
  finding?: Finding | null;
}

export interface Contributions {
  time: string;
  score: number | null;
  threshold: number | null;
  mode: string | null;
  items: ContributionRow[];
}

export interface Sample {
  time: string;
  value: number | null;
  quality: Quality;
  status: string;
}

export interface ExpectedRow {
  time: string;
  expected: number | null;
  low: number | null;
  high: number | null;
  imputed: boolean;
}

export interface AlarmContribution {
  tag: string;
  share: number;
  value: number | null;
  expected: number | null;
  unit: string;
  finding?: Finding | null;
}

export interface Alarm {
  id: number;
  asset: string;
  tag: string | null;
  condition: string;
  state: "active" | "cleared";
  acknowledged: boolean;
  shelved: boolean;
  /** 1 to 1000. */
  severity: number;
  message: string;
  raised_at: string;
  cleared_at: string | null;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  assessment?: Assessment | null;
  contributions: AlarmContribution[];
}

export interface JournalEntry {
  time: string;
  transition: string;
  by: string | null;
  comment: string | null;
}

/** A past alarm that looked like this one. */
export interface Alike {
  id: number;
  /** 1 for the same tags in the same proportions. */
  similarity: number;
  raised_at: string;
  message: string;
  assessment: Assessment | null;
}

export interface AlarmDetail extends Alarm {
  journal: JournalEntry[];
  alike?: Alike[];
}

export type AlarmFilter = "active" | "unacknowledged" | "open" | "cleared" | "all";

export interface Source {
  name: string;
  endpoint: string;
  connected: boolean;
  last_sample: string | null;
  monitored_items: number;
  monitored_item_limit: number | null;
  samples_per_second: number;
  reason: string | null;
}

export interface TagVerdict {
  tag: string;
  value: number | null;
  expected: number | null;
  expected_low: number | null;
  expected_high: number | null;
  residual: number | null;
  contribution: number | null;
  imputed: boolean;
}

export interface Verdict {
  asset: string;
  time: string;
  score: number | null;
  threshold: number | null;
  probability: number | null;
  mode: string | null;
  imputed: number | null;
  anomalous: boolean;
  return_period_s: number | null;
  status: string;
  tags: TagVerdict[];
  findings?: Finding[];
  frozen?: boolean;
}

/** The page was too slow for the feed, which left so many events out. */
export interface Missed {
  events: number;
}

export interface TrainingProgress extends Training {
  asset: string;
}

export const FAULT_KINDS = ["spike", "drift", "stuck", "contextual", "leak", "noise", "out_of_range"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultOrder {
  asset: string;
  kind: FaultKind;
  tag?: string;
  magnitude?: number;
  duration_s?: number;
}

export interface Fault {
  id: number | string;
  asset: string;
  kind: FaultKind;
  tag: string | null;
  magnitude: number | null;
  duration_s: number | null;
  started_at: string;
  ends_at: string | null;
}

/** What `/live` sends, by the name of the event. */
export type LiveEvent =
  | { type: "verdict"; data: Verdict }
  | { type: "asset"; data: Asset }
  | { type: "alarm"; data: Alarm }
  | { type: "source"; data: Source }
  | { type: "training"; data: TrainingProgress }
  | { type: "missed"; data: Missed };

export const LIVE_EVENTS: LiveEvent["type"][] = ["verdict", "asset", "alarm", "source", "training", "missed"];
