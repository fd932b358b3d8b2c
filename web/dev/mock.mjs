// A stand-in for the server, for work on the dashboard without a plant: `npm run build && npm run mock`, or `npm run dev`
// beside it. Listens on 127.0.0.1:8080 (PORT). SEED picks another plant; LEARN_S=60 begins with the oven being learned;
// NO_DEMO=1 leaves the faults out; SOURCE_DOWN=1 shows a source that can't be reached.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { ASSETS, assetNamed, rowAt, thinned, THRESHOLD } from "./plant.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const SEED = process.env.SEED ?? "1";
const LEARN_S = Number(process.env.LEARN_S ?? 0);
const DEMO = process.env.NO_DEMO === undefined;
const DOWN = process.env.SOURCE_DOWN !== undefined;
const KINDS = ["spike", "drift", "stuck", "contextual", "leak", "noise", "out_of_range"];
const ON_DELAY_S = 3;
const OFF_DELAY_S = 10;

const started = Math.floor(Date.now() / 1000);
const iso = (t) => new Date(t * 1000).toISOString();
const nowS = () => Date.now() / 1000;
const faults = [];
const alarms = [];
const listeners = new Set();
/** Maintenance by asset. */
const orders = new Map();
let lastId = 0;

// History: a fault this morning, one an hour ago and one just now, with their alarms.
for (const [ago, asset, kind, tag, lasts, severity] of [
  [20_000, "Oven", "drift", "GasFlow", 200, 250],
  [9_000, "Pump", "leak", null, 150, 520],
  [3_000, "Mixer", "drift", "Temperature", 120, 760],
  [400, "Pump", "noise", "Vibration", 90, 520],
  [60, "Mixer", "spike", "Temperature", 75, 810],
]) {
  faults.push({ id: ++lastId, asset, kind, tag, magnitude: null, duration_s: lasts, from: started - ago, to: started - ago + lasts });
  raise(assetNamed(asset), started - ago + 10, severity);
  const alarm = alarms[0];
  if (ago > 300) Object.assign(alarm, { state: "cleared", cleared_at: iso(started - ago + lasts + OFF_DELAY_S) });
  if (ago > 1000) acknowledge(alarm, "anonymous", ago > 8000 ? "Valve was being serviced" : null, started - ago + 40);
}
for (let i = 0; i < 70; i++) {
  const asset = ASSETS[i % 3];
  const at = started - 30_000 - i * 900;
  raise(asset, at, 200 + ((i * 137) % 700), true);
  Object.assign(alarms[alarms.length - 1], { state: "cleared", cleared_at: iso(at + 60) });
  acknowledge(alarms[alarms.length - 1], "anonymous", null, at + 30);
}

function raise(asset, t, severity, old = false) {
  const row = rowAt(SEED, faults, asset, Math.floor(t));
  const top = [...row.tags].sort((a, b) => b.contribution - a.contribution).slice(0, 3);
  const unit = (tag) => asset.tags.find((g) => g.name === tag).unit;
  const [first] = top;
  const alarm = {
    id: ++lastId, asset: asset.name, tag: null, condition: "Score", state: "active", acknowledged: false, shelved: false, severity,
    message: `${first.tag} ${Math.abs(first.residual).toFixed(1)} ${unit(first.tag)} ${first.residual > 0 ? "above" : "below"} expected in mode ${row.mode}`,
    raised_at: iso(t), cleared_at: null, acknowledged_at: null, acknowledged_by: null, assessment: null,
    contributions: top.map((g) => ({ tag: g.tag, share: g.contribution, value: g.value, expected: g.expected, unit: unit(g.tag) })),
    journal: [{ time: iso(t), transition: "raised", by: null, comment: null }],
  };
  if (old) alarms.push(alarm);
  else alarms.unshift(alarm);
  return alarm;
}

function acknowledge(alarm, by, comment, t) {
  if (alarm.acknowledged) return;
  Object.assign(alarm, { acknowledged: true, acknowledged_at: iso(t), acknowledged_by: by });
  alarm.journal.push({ time: iso(t), transition: "acknowledged", by, comment });
}

const withoutJournal = ({ journal, ...alarm }) => alarm;

function assess(alarm, said) {
  alarm.assessment = said.assessment;
  alarm.journal.push({ time: iso(nowS()), transition: `assessed_${said.assessment}`, by: "anonymous", comment: said.comment ?? null });
  send("alarm", withoutJournal(alarm));
  return withoutJournal(alarm);
}

/** Past alarms of the asset that the same tag carried most. */
function alike(alarm) {
  const past = alarms.filter((a) => a.asset === alarm.asset && a.raised_at < alarm.raised_at && a.contributions[0].tag === alarm.contributions[0].tag);
  return past.slice(0, 3).map(({ id, raised_at, message, assessment }, ix) => ({ id, similarity: 0.98 - 0.07 * ix, raised_at, message, assessment }));
}

function maintain(asset, order) {
  if (order && Date.parse(order.until) > Date.now()) orders.set(asset.name, { cause: "operator", until: order.until, reason: order.reason, by: "anonymous" });
  else orders.delete(asset.name);
  send("asset", assetItem(asset));
  return assetItem(asset);
}

function maintenance(asset) {
  const order = orders.get(asset.name) ?? null;
  return order && Date.parse(order.until) > Date.now() ? order : null;
}

/** A sentence for each tag that carries an anomalous row. */
function findings(asset, row) {
  const unit = (tag) => asset.tags.find((g) => g.name === tag).unit;
  const carried = row.anomalous ? [...row.tags].sort((a, b) => b.contribution - a.contribution).filter((g) => g.contribution >= 0.1) : [];
  return carried.slice(0, 3).map(({ tag, residual }) => ({
    tag, class: "deviation", health: "maintenance_required",
    text: `${tag} ${Math.abs(residual).toFixed(1)} ${unit(tag)} ${residual > 0 ? "above" : "below"} expected for mode ${row.mode}, 10 s`,
  }));
}

const isOpen = (a) => a.state === "active" || !a.acknowledged;
const learningLeft = (asset) => (asset.name === "Oven" ? Math.max(0, started + LEARN_S - nowS()) : 0);

function training(asset) {
  const left = learningLeft(asset);
  if (left === 0) return null;
  const epoch = Math.floor(40 * (1 - left / LEARN_S));
  return { epoch, epochs: 40, loss: 0.4 * Math.exp(-epoch / 12) + 0.01, eta_s: left };
}

function assetItem(asset) {
  const learning = learningLeft(asset) > 0;
  const row = rowAt(SEED, faults, asset, Math.floor(nowS()));
  const score = (value) => (learning ? null : value);
  return {
    name: asset.name, area: asset.area, state: maintenance(asset) ? "Maintenance" : learning ? "Learning" : "Active", mode: score(row.mode), score: score(row.score),
    threshold: score(THRESHOLD), probability: score(row.probability), return_period_s: score(row.return_period_s),
    imputed: score(row.imputed), status: learning ? "BadWaitingForInitialData" : row.status, last_sample: row.time,
    anomalous: !learning && row.anomalous, tags: asset.tags.map((t) => t.name),
    model: learning ? null : { version: 1, trained_at: iso(started - 3600), trained_from: iso(started - 18_000), trained_to: iso(started - 3600), parameters: 21_348, calibration_rows: 4_320 }, training: training(asset),
    open_alarms: alarms.filter((a) => a.asset === asset.name && isOpen(a)).length, grid_s: 1,
    findings: learning ? [] : findings(asset, row), frozen: !learning && row.anomalous, maintenance: maintenance(asset),
  };
}

function assetDetail(asset) {
  const item = assetItem(asset);
  const row = rowAt(SEED, faults, asset, Math.floor(nowS()));
  const tag_values = asset.tags.map(({ name, unit, range }, ix) => {
    const { tag, imputed, ...values } = row.tags[ix];
    const known = item.score === null ? { value: values.value, expected: null, expected_low: null, expected_high: null, residual: null, contribution: null } : values;
    return { name, unit, range, kind: "analog", ...known, quality: imputed ? "Uncertain" : "Good", time: row.time };
  });
  return { ...item, tag_values };
}

const sources = () => [
  { name: "plant", endpoint: "opc.tcp://127.0.0.1:4840", connected: true, last_sample: iso(nowS()), monitored_items: 12, monitored_item_limit: 1000, samples_per_second: 12, reason: null },
  ...(DOWN ? [{ name: "plc2", endpoint: "opc.tcp://10.0.0.6:4840", connected: false, last_sample: iso(started - 300), monitored_items: 0, monitored_item_limit: null, samples_per_second: 0, reason: "The server does not answer (BadConnectionClosed); trying again in 8 s" }] : []),
];

const faultItem = ({ from, to, ...fault }) => ({ ...fault, started_at: iso(from), ends_at: iso(to) });

class Problem extends Error {
  constructor(status, title, detail) {
    super(detail);
    Object.assign(this, { status, title });
  }
}

function known(asset) {
  const found = assetNamed(asset);
  if (!found) throw new Problem(404, "No such asset", `there is no asset named ${asset}`);
  return found;
}

function spanOf(query) {
  const to = query.has("to") ? Date.parse(query.get("to")) / 1000 : nowS();
  const from = query.has("from") ? Date.parse(query.get("from")) / 1000 : to - 3600;
  return [Math.max(from, started - 86_400), Math.min(to, nowS()), Number(query.get("max_points") ?? 1000)];
}

function listAlarms(query) {
  const state = query.get("state");
  const keep = { active: (a) => a.state === "active", cleared: (a) => a.state === "cleared", open: isOpen, unacknowledged: (a) => !a.acknowledged }[state] ?? (() => true);
  const found = alarms.filter((a) => keep(a) && (!query.has("asset") || a.asset === query.get("asset")));
  found.sort((a, b) => b.raised_at.localeCompare(a.raised_at));
  const from = Number(query.get("cursor") ?? 0);
  const to = from + Number(query.get("limit") ?? 100);
  return { items: found.slice(from, to).map(withoutJournal), next_cursor: to < found.length ? String(to) : null };
}

function orderFault(order) {
  const asset = known(order.asset);
  if (!KINDS.includes(order.kind)) throw new Problem(422, "Unknown fault", `kind must be one of ${KINDS.join(", ")}`);
  if (order.tag !== undefined && !asset.tags.some((t) => t.name === order.tag)) throw new Problem(422, "Unknown tag", `${asset.name} has no tag ${order.tag}`);
  const from = nowS();
  const fault = { id: ++lastId, asset: asset.name, kind: order.kind, tag: order.tag ?? null, magnitude: order.magnitude ?? null, duration_s: order.duration_s ?? 60, from, to: from + (order.duration_s ?? 60) };
  faults.push(fault);
  return faultItem(fault);
}

function answer(method, path, query, body) {
  const [resource, name, part, rest] = path.split("/").map(decodeURIComponent);
  const alarm = resource === "alarms" && name !== undefined ? alarms.find((a) => a.id === Number(name)) : undefined;
  if (resource === "alarms" && name !== undefined && !alarm) throw new Problem(404, "No such alarm", `there is no alarm ${name}`);
  const tagIx = resource === "tags" ? known(name).tags.findIndex((t) => t.name === part) : -1;
  const learned = (asset, t) => learningLeft(asset) === 0 && t <= nowS();
  switch (`${method} ${resource}${alarm ? "/id" : name !== undefined && resource === "assets" ? "/id" : ""}${resource === "tags" ? `/${rest}` : part ? `/${part}` : ""}`) {
    case "GET version": return { version: "0.1.0-mock" };
    case "GET assets": return { items: ASSETS.map(assetItem), next_cursor: null };
    case "GET assets/id": return assetDetail(known(name));
    case "GET assets/id/scores": {
      const [from, to, points] = spanOf(query);
      const asset = known(name);
      return { items: thinned(from, to, points, (t) => (learned(asset, t) ? rowAt(SEED, faults, asset, t) : null), (r) => r.score).map(({ tags, anomalous, return_period_s, status, ...r }) => r) };
    }
    case "GET assets/id/contributions": {
      const asset = known(name);
      const row = rowAt(SEED, faults, asset, Math.floor(query.has("at") ? Date.parse(query.get("at")) / 1000 : nowS()));
      return { time: row.time, score: row.score, threshold: row.threshold, mode: row.mode, items: row.tags.map(({ tag, contribution, value, expected, residual }, ix) => ({ tag, contribution, value, expected, residual, unit: asset.tags[ix].unit })) };
    }
    case "GET tags/samples": {
      const [from, to, points] = spanOf(query);
      return { items: thinned(from, to, points, (t) => ({ time: iso(t), row: rowAt(SEED, faults, known(name), t).tags[tagIx] }), (s) => s.row.value).map(({ time, row }) => ({ time, value: row.imputed ? null : row.value, quality: row.imputed ? "Bad" : "Good", status: row.imputed ? "BadSensorFailure" : "Good" })) };
    }
    case "GET tags/expected": {
      const [from, to, points] = spanOf(query);
      const asset = known(name);
      return { items: thinned(from, to, points, (t) => (learned(asset, t) ? { time: iso(t), ...rowAt(SEED, faults, asset, t).tags[tagIx] } : null), (r) => r.expected).map((r) => ({ time: r.time, expected: r.expected, low: r.expected_low, high: r.expected_high, imputed: r.imputed })) };
    }
    case "GET alarms": return listAlarms(query);
    case "POST assets/id/maintenance": return maintain(known(name), body);
    case "DELETE assets/id/maintenance": return maintain(known(name), null);
    case "GET alarms/id": return { ...alarm, alike: alike(alarm) };
    case "POST alarms/id/assessment": return assess(alarm, body);
    case "POST alarms/id/acknowledge":
      acknowledge(alarm, "anonymous", body?.comment ?? null, nowS());
      send("alarm", withoutJournal(alarm));
      return withoutJournal(alarm);
    case "GET sources": return { items: sources(), next_cursor: null };
  }
  if (DEMO && resource === "demo" && name === "faults") {
    if (method === "GET") return { items: faults.filter((f) => f.to > nowS()).map(faultItem) };
    if (method === "POST") return orderFault(body ?? {});
    const ix = faults.findIndex((f) => f.id === Number(part));
    if (method === "DELETE" && ix >= 0) return void (faults[ix].to = nowS());
  }
  throw new Problem(404, "Not found", `there is no /api/v1/${path}`);
}

function send(type, data) {
  for (const listener of listeners) listener.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Seconds each asset has been above its threshold (positive) or below it (negative). */
const levels = new Map(ASSETS.map((a) => [a.name, 0]));

function beat() {
  const t = Math.floor(nowS());
  for (const asset of ASSETS) {
    if (learningLeft(asset) > 0) {
      send("training", { asset: asset.name, ...training(asset) });
      send("asset", assetItem(asset));
      continue;
    }
    const row = rowAt(SEED, faults, asset, t);
    send("verdict", { asset: asset.name, ...row, findings: findings(asset, row), frozen: row.anomalous });
    stepAlarm(asset, row, t);
  }
  for (const source of sources()) send("source", source);
}

function stepAlarm(asset, row, t) {
  const before = levels.get(asset.name);
  const level = row.anomalous ? Math.max(1, before + 1) : Math.min(-1, before - 1);
  levels.set(asset.name, level);
  const active = alarms.find((a) => a.asset === asset.name && a.state === "active");
  if (level >= ON_DELAY_S && !active && !maintenance(asset)) send("alarm", withoutJournal(raise(asset, t, 700)));
  if (level <= -OFF_DELAY_S && active) {
    Object.assign(active, { state: "cleared", cleared_at: iso(t) });
    active.journal.push({ time: iso(t), transition: "cleared", by: null, comment: null });
    send("alarm", withoutJournal(active));
  }
}

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
// As strict as the real server may be.
const POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'";

function serveFile(path, response) {
  const file = normalize(join(DIST, path));
  const real = file.startsWith(DIST) && existsSync(file) && statSync(file).isFile() ? file : join(DIST, "index.html");
  if (!existsSync(real)) return void response.writeHead(503).end("Run `npm run build` first.\n");
  response.writeHead(200, { "content-type": TYPES[extname(real)] ?? "application/octet-stream", "content-security-policy": POLICY });
  createReadStream(real).pipe(response);
}

async function readBody(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? undefined : JSON.parse(text);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/healthz") return response.end("ok\n");
  if (!url.pathname.startsWith("/api/v1/")) return serveFile(url.pathname, response);
  if (url.pathname === "/api/v1/live") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": hello\n\n");
    listeners.add(response);
    request.on("close", () => listeners.delete(response));
    return undefined;
  }
  try {
    const body = await readBody(request);
    const result = answer(request.method, url.pathname.slice("/api/v1/".length), url.searchParams, body);
    if (result === undefined) return response.writeHead(204).end();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result));
  } catch (error) {
    const { status = 400, title = "Bad request" } = error;
    response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify({ title, detail: error.message, status }));
  }
  return undefined;
});

setInterval(beat, 1000);
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => console.log(`mock server on http://127.0.0.1:${server.address().port}`));
