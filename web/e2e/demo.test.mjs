// The demo as a newcomer sees it: scores come, a trend draws, an injected fault becomes an alarm, it is acknowledged.
// ANDON_URL names a running `andon demo`.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, linePixels, openPage, until } from "./browser.mjs";

const URL_OF = process.env.ANDON_URL?.replace(/\/$/, "");
const skip = URL_OF === undefined || URL_OF === "" ? "ANDON_URL is not set; start `andon demo` and name its address" : false;

const SCORES_S = 120;
const ALARM_S = 90;
const KIND = "out_of_range";
const DURATION_S = 60;

async function rest(path, init) {
  const response = await fetch(`${URL_OF}/api/v1${path}`, init);
  assert.ok(response.ok, `${init?.method ?? "GET"} ${path} answered ${response.status}: ${await response.clone().text()}`);
  return response.json();
}

/** An asset without open alarms, so that the next alarm is the fault's; what is left from before is acknowledged. */
function quietAsset(names) {
  return until("an asset without open alarms", SCORES_S, async () => {
    for (const name of names) {
      const { items } = await rest(`/alarms?state=open&asset=${encodeURIComponent(name)}`);
      if (items.length === 0) return name;
      for (const alarm of items.filter((a) => !a.acknowledged)) await rest(`/alarms/${alarm.id}/acknowledge`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    }
    return null;
  });
}

describe("the demo in a browser", { skip, concurrency: false }, () => {
  let browser;
  let page;
  let errors;
  let assets;

  before(async () => {
    browser = await launch();
    ({ page, errors } = await openPage(browser));
  });

  after(() => browser?.close());

  test(`the overview lists three assets with scores within ${SCORES_S} s`, async () => {
    await page.goto(`${URL_OF}/`);
    assets = await until("three assets with scores", SCORES_S, async () => {
      const cards = await page.locator('[data-testid^="asset-card-"]').evaluateAll((found) => found.map((card) => card.dataset.testid.slice("asset-card-".length)));
      const scores = await Promise.all(cards.map((name) => page.getByTestId(`score-${name}`).textContent({ timeout: 100 }).catch(() => "")));
      return cards.length >= 3 && scores.every((score) => /^\d+\.\d$/.test(score.trim())) ? cards : null;
    });
    assert.match(await page.getByTestId("live-state").innerText(), /^Live/);
  });

  test("the trends of score and tags draw", async () => {
    await page.getByTestId(`asset-card-${assets[0]}`).click();
    const { tags } = await rest(`/assets/${encodeURIComponent(assets[0])}`);
    for (const id of ["trend-score", `trend-${tags[0]}`]) {
      const trend = page.getByTestId(id);
      await trend.waitFor({ timeout: 10_000 });
      await until(`${id} has data`, 60, async () => Number(await trend.getAttribute("data-points")) >= 10);
      // On a span of ten minutes the first seconds are but a few pixels.
      await until(`${id} draws`, 60, async () => (await linePixels(trend)) > 50);
    }
  });

  test(`an injected fault becomes an alarm on the list within ${ALARM_S} s, and acknowledging it holds`, async () => {
    assert.ok(assets, "no assets were found before");
    const asset = await quietAsset(assets);
    await page.goto(`${URL_OF}/#/demo`);
    const form = page.getByTestId("fault-form");
    await form.locator('select[name="asset"]').selectOption(asset);
    await form.locator('select[name="kind"]').selectOption(KIND);
    await form.locator('input[name="duration_s"]').fill(String(DURATION_S));
    await page.getByTestId("fault-inject").click();
    const { items } = await until("the fault in force", 10, async () => {
      const faults = await rest("/demo/faults");
      return faults.items.length > 0 ? faults : null;
    });
    assert.ok(items.some((fault) => fault.asset === asset && fault.kind === KIND), JSON.stringify(items));

    await page.goto(`${URL_OF}/#/alarms`);
    const row = page.locator(`[data-testid="alarm-row"][data-asset="${asset}"]`).first();
    await row.waitFor({ timeout: ALARM_S * 1000 });
    assert.match(await row.getByTestId("alarm-state").innerText(), /unacknowledged/);
    const id = Number(await row.getAttribute("data-alarm"));
    const same = page.locator(`[data-testid="alarm-row"][data-alarm="${id}"]`);

    await same.getByTestId("alarm-ack").click();
    await until("the row shows it acknowledged", 10, async () => /, acknowledged/.test(await same.getByTestId("alarm-state").innerText()));
    assert.equal(await same.getByTestId("alarm-ack").count(), 0, "there is nothing left to acknowledge");
    const alarm = await rest(`/alarms/${id}`);
    assert.equal(alarm.acknowledged, true);
    assert.ok(alarm.journal.some((entry) => entry.transition === "acknowledged"), JSON.stringify(alarm.journal));
  });

  test("the console stayed clean", () => assert.deepEqual(errors, []));
});
