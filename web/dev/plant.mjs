// A made-up plant for the mock server: every value is a pure function of the seed, the time and the faults, so that a day
// of history costs nothing and looks the same each time.

const TAGS = {
  Mixer: [
    ["Temperature", "degC", [0, 150], 80, 1.2, { Fill: -18, Mix: 0, Drain: -9 }],
    ["AgitatorSpeed", "rpm", [0, 400], 220, 4, { Fill: -160, Mix: 0, Drain: -200 }],
    ["Level", "%", [0, 100], 70, 0.8, { Fill: -30, Mix: 0, Drain: -50 }],
    ["MotorCurrent", "A", [0, 30], 12, 0.3, { Fill: -6, Mix: 0, Drain: -9 }],
  ],
  Pump: [
    ["FlowRate", "m3/h", [0, 60], 32, 0.5, { Run: 0, Boost: 12, Idle: -30 }],
    ["Pressure", "bar", [0, 10], 4.2, 0.06, { Run: 0, Boost: 1.4, Idle: -3.6 }],
    ["Vibration", "mm/s", [0, 20], 1.8, 0.15, { Run: 0, Boost: 0.9, Idle: -1.5 }],
    ["MotorPower", "kW", [0, 15], 5.4, 0.12, { Run: 0, Boost: 2.6, Idle: -5 }],
  ],
  Oven: [
    ["ZoneTemperature", "degC", [0, 400], 215, 1.5, { Heat: -12, Bake: 0, Cool: -60 }],
    ["BeltSpeed", "m/min", [0, 5], 1.4, 0.02, { Heat: 0, Bake: 0, Cool: -0.5 }],
    ["GasFlow", "m3/h", [0, 40], 14, 0.3, { Heat: 6, Bake: 0, Cool: -12 }],
    ["ExhaustO2", "%", [0, 21], 6, 0.12, { Heat: -1, Bake: 0, Cool: 8 }],
  ],
};
const AREAS = { Mixer: "Hall 2/Line 1", Pump: "Hall 2/Line 1", Oven: "Hall 2/Line 2" };
const MODE_S = 150;
export const THRESHOLD = 4;

export const ASSETS = Object.keys(TAGS).map((name) => ({
  name,
  area: AREAS[name],
  modes: Object.keys(TAGS[name][0][5]),
  tags: TAGS[name].map(([tag, unit, range, base, sd, byMode]) => ({ name: tag, unit, range, base, sd, byMode })),
}));

export const assetNamed = (name) => ASSETS.find((a) => a.name === name);

function hash(...parts) {
  let h = 2166136261;
  for (const ch of parts.join("|")) h = Math.imul(h ^ ch.charCodeAt(0), 16777619);
  h = Math.imul(h ^ (h >>> 15), 2246822507);
  h = Math.imul(h ^ (h >>> 13), 3266489909);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

function gauss(seed, ...parts) {
  const u = Math.max(1e-9, hash(seed, "u", ...parts));
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * hash(seed, "v", ...parts));
}

/** The mode at a time and how far it has settled, 0 to 1. */
function modeAt(asset, t) {
  const shifted = t + ASSETS.indexOf(asset) * 47;
  const step = Math.floor(shifted / MODE_S);
  const into = shifted - step * MODE_S;
  return { mode: asset.modes[step % 3], before: asset.modes[(step + 2) % 3], settled: Math.min(1, into / 8) };
}

const FAULT_SIZE = { spike: 14, drift: 10, stuck: 5, contextual: 9, leak: 7, noise: 8, out_of_range: 20 };

/** What a fault adds to a tag at a time, in standard deviations. */
function faultEffect(seed, faults, asset, tagIx, t) {
  let sum = 0;
  for (const f of faults) {
    if (f.asset !== asset.name || t < f.from || t > f.to) continue;
    const hit = f.tag === null ? tagIx === 0 : asset.tags[tagIx].name === f.tag;
    const size = (f.magnitude ?? 1) * FAULT_SIZE[f.kind];
    const share = hit ? 1 : f.kind === "leak" && tagIx === 1 ? -0.7 : 0;
    const shape = f.kind === "drift" ? Math.min(1, (t - f.from) / 20) : f.kind === "noise" ? gauss(seed, "n", t) / 1.5 : 1;
    sum += size * share * shape;
  }
  return sum;
}

/** A gap of the pump's pressure: 40 s long, every 7 minutes. */
const isGap = (asset, tag, t) => asset.name === "Pump" && tag.name === "Pressure" && t % 420 >= 300 && t % 420 < 340;

/** One row of an asset at a whole second. */
export function rowAt(seed, faults, asset, t) {
  const { mode, before, settled } = modeAt(asset, t);
  let chi = 0;
  let gaps = 0;
  const tags = asset.tags.map((tag, ix) => {
    const wave = 0.8 * tag.sd * Math.sin(t / 23 + ix);
    const expected = tag.base + wave + tag.byMode[before] * (1 - settled) + tag.byMode[mode] * settled;
    const effect = faultEffect(seed, faults, asset, ix, t);
    const value = expected + tag.sd * (0.6 * gauss(seed, asset.name, tag.name, t) + effect);
    const imputed = isGap(asset, tag, t);
    gaps += imputed ? 1 : 0;
    const z = (value - expected) / tag.sd;
    chi += imputed ? 0 : z * z;
    return { tag: tag.name, value, expected, expected_low: expected - 2.6 * tag.sd, expected_high: expected + 2.6 * tag.sd, imputed, z };
  });
  const score = Math.min(16, 0.1 + chi * 0.16 + 0.5 * hash(seed, "s", asset.name, t));
  const sum = tags.reduce((a, g) => a + g.z * g.z, 0) || 1;
  return {
    time: new Date(t * 1000).toISOString(),
    score,
    threshold: THRESHOLD,
    probability: 1 - 10 ** -score,
    mode: settled < 1 ? "transition" : mode,
    imputed: gaps / asset.tags.length,
    anomalous: score >= THRESHOLD,
    return_period_s: 10 ** score,
    status: gaps > 0 ? "UncertainSubstituteValue" : "Good",
    tags: tags.map(({ z, ...g }) => ({ ...g, residual: g.value - g.expected, contribution: (z * z) / sum })),
  };
}

/** Rows looked at in each bucket; to look at all of a day would take seconds. */
const LOOKED_AT = 6;

/** Rows of a span, thinned so that each bucket keeps the lowest and the highest `of` those looked at. */
export function thinned(from, to, maxPoints, make, of) {
  const step = Math.max(1, Math.floor((2 * (to - from)) / maxPoints));
  const out = [];
  for (let t = Math.ceil(from); t <= to; t += step) {
    const rows = [];
    for (let s = t; s < t + step && s <= to; s += Math.ceil(step / LOOKED_AT)) rows.push(make(s));
    const known = rows.filter((r) => r !== null);
    if (known.length === 0) continue;
    const low = known.reduce((a, b) => (of(b) < of(a) ? b : a));
    const high = known.reduce((a, b) => (of(b) > of(a) ? b : a));
    out.push(...(low === high ? [low] : [low, high].sort((a, b) => a.time.localeCompare(b.time))));
  }
  return out;
}
