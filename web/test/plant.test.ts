import { describe, expect, test } from "vitest";
import type { Asset, Verdict } from "../src/api/types";
import { isStale, Plant, SPARK_MS } from "../src/live/plant";
import { alarm } from "./alarm-fixture";

const START = Date.parse("2026-11-23T12:00:00Z");
const at = (s: number): string => new Date(START + s * 1000).toISOString();

const asset: Asset = {
  name: "Mixer",
  area: "Hall 2/Line 1",
  state: "Active",
  mode: null,
  score: null,
  threshold: null,
  probability: null,
  return_period_s: null,
  imputed: null,
  status: "BadWaitingForInitialData",
  last_sample: at(0),
  anomalous: false,
  tags: ["Temperature"],
  model: null,
  training: null,
  open_alarms: 0,
  grid_s: 1,
  window_stride: 1,
};

function verdict(s: number, imputed = false): Verdict {
  const tag = { tag: "Temperature", value: 1, expected: 1, expected_low: 0, expected_high: 2, residual: 0, contribution: 1, imputed };
  return {
    asset: "Mixer",
    time: at(s),
    score: 2,
    threshold: 4,
    probability: 0.99,
    mode: "Fill",
    imputed: imputed ? 1 : 0,
    anomalous: false,
    return_period_s: 100,
    status: "Good",
    tags: [tag],
  };
}

function plant(): Plant {
  const plant = new Plant();
  plant.replaceAssets([asset]);
  return plant;
}

describe("a verdict", () => {
  test("updates its asset and the small trend", () => {
    const p = plant();
    p.apply({ type: "verdict", data: verdict(1) });
    expect(p.assets.get("Mixer")).toMatchObject({ score: 2, mode: "Fill", status: "Good", last_sample: at(1) });
    expect(p.sparks.get("Mixer")).toEqual([{ time: START + 1000, score: 2 }]);
  });

  test("brings what was found and whether the threshold stands still, and the next one takes it away", () => {
    const p = plant();
    const found = { tag: "Temperature", class: "deviation", text: "Temperature 6.2 degC above expected", health: "maintenance_required" };
    p.apply({ type: "verdict", data: { ...verdict(1), findings: [found], frozen: true } });
    expect(p.assets.get("Mixer")).toMatchObject({ findings: [found], frozen: true });
    p.apply({ type: "verdict", data: { ...verdict(2), findings: [], frozen: false } });
    expect(p.assets.get("Mixer")).toMatchObject({ findings: [], frozen: false });
  });

  test("that was wholly made up is no sign of life", () => {
    const p = plant();
    p.apply({ type: "verdict", data: verdict(9, true) });
    expect(p.assets.get("Mixer")?.last_sample).toBe(at(0));
  });

  test("that comes twice counts once, and old ones are forgotten", () => {
    const p = plant();
    for (const s of [1, 1, 2, SPARK_MS / 1000 + 100]) p.apply({ type: "verdict", data: verdict(s) });
    expect(p.sparks.get("Mixer")).toHaveLength(1);
  });

  test("of an asset nobody knows changes nothing", () => {
    const p = new Plant();
    p.apply({ type: "verdict", data: verdict(1) });
    expect(p.assets.size).toBe(0);
  });
});

test("an alarm leaves the open ones when it is both cleared and acknowledged", () => {
  const p = plant();
  p.apply({ type: "alarm", data: alarm({}) });
  p.apply({ type: "alarm", data: alarm({ state: "cleared" }) });
  expect(p.alarmsOf("Mixer")).toHaveLength(1);
  p.apply({ type: "alarm", data: alarm({ state: "cleared", acknowledged: true }) });
  expect(p.alarms.size).toBe(0);
});

test("training progress shows on its asset", () => {
  const p = plant();
  p.apply({ type: "training", data: { asset: "Mixer", epoch: 3, epochs: 40, loss: 0.1, eta_s: 12 } });
  expect(p.assets.get("Mixer")?.training).toMatchObject({ epoch: 3, epochs: 40 });
});

test("values are old once the asset's rhythm can't explain the silence", () => {
  expect(isStale(asset, START + 9_000)).toBe(false);
  expect(isStale(asset, START + 11_000)).toBe(true);
  expect(isStale({ ...asset, grid_s: 60 }, START + 240_000)).toBe(false);
  expect(isStale({ ...asset, last_sample: null }, START)).toBe(true);
});
