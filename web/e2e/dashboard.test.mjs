// The built dashboard against the mock server: what a healthy demo does not show. Needs `npm run build` before.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, openPage, until } from "./browser.mjs";

const MOCK = fileURLToPath(new URL("../dev/mock.mjs", import.meta.url));

/** Every page, and what shows that it has its data. */
const PAGES = [
  ["#/", '[data-testid="score-Mixer"]'],
  ["#/assets/Pump", '[data-testid="trend-Pressure"] canvas'],
  ["#/assets/Pump?span=86400", '[aria-pressed="true"]:text("24 h")'],
  ["#/assets/Oven", '[data-testid="training"]'],
  ["#/assets/Mixer?at=2026-01-01T00:00:00Z", ':text("Back to live")'],
  ["#/alarms?state=all", '[data-testid="alarm-row"]'],
  ["#/alarms/10", 'td:text("raised")'],
  ["#/sources", '[data-testid="source-plc2"]'],
  ["#/demo", '[data-testid="fault-form"]'],
  ["#/assets/Nobody", ':text("There is no asset named Nobody.")'],
  ["#/alarms/999999", ':text("could not be read")'],
];

async function startMock(env) {
  const process_ = spawn(process.execPath, [MOCK], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(process_.stdout, "data");
  return { process: process_, url: String(line).match(/http:\S+/)[0] };
}

async function stopMock(mock) {
  mock.process.kill();
  if (mock.process.exitCode === null && mock.process.signalCode === null) await once(mock.process, "exit");
}

describe("the dashboard", { concurrency: false }, () => {
  let browser;
  let mock;

  before(async () => {
    mock = await startMock({ PORT: "0", LEARN_S: "3600", SOURCE_DOWN: "1" });
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    if (mock) await stopMock(mock);
  });

  test("says that values are old while the server is away, and comes back by itself", async () => {
    const own = await startMock({ PORT: "0" });
    const { page } = await openPage(browser);
    await page.goto(own.url);
    await page.getByTestId("score-Mixer").waitFor();
    await stopMock(own);
    await page.getByText(/No connection since \d\d:\d\d:\d\d; values are old/).waitFor({ timeout: 15_000 });
    assert.match(await page.locator("main").getAttribute("class"), /stale/);
    const again = await startMock({ PORT: new URL(own.url).port });
    try {
      await until("live again", 20, async () => /^Live/.test(await page.getByTestId("live-state").innerText()));
      assert.equal(await page.getByText(/No connection since/).count(), 0);
    } finally {
      await stopMock(again);
      await page.close();
    }
  });

  test("every page draws under a strict content security policy without an error in the console", async () => {
    const { page, errors } = await openPage(browser);
    for (const [path, sign] of PAGES) {
      await page.goto(`${mock.url}/${path}`);
      await page.locator("main").locator(sign).first().waitFor({ timeout: 10_000 });
    }
    // The two that do not exist are answered with 404, which Chromium logs by itself.
    assert.deepEqual(errors.filter((text) => !text.includes("404")), []);
    await page.close();
  });

  test("training progress shows in place of a score", async () => {
    const { page } = await openPage(browser);
    await page.goto(`${mock.url}/`);
    const card = page.getByTestId("asset-card-Oven");
    assert.match(await card.getByTestId("training").innerText(), /epoch \d+ of 40, loss/);
    assert.equal(await card.getByTestId("score-Oven").count(), 0);
    await page.close();
  });

  test("the keyboard alone walks the list, acknowledges and opens", async () => {
    const { page } = await openPage(browser);
    await page.goto(`${mock.url}/#/alarms?state=unacknowledged`);
    const rows = page.getByTestId("alarm-row");
    await rows.nth(1).waitFor();
    await rows.first().focus();
    await page.keyboard.press("ArrowDown");
    const id = await page.evaluate(() => document.activeElement.dataset.alarm);
    assert.equal(id, await rows.nth(1).getAttribute("data-alarm"));
    await page.keyboard.press("a");
    const state = page.locator(`[data-testid="alarm-row"][data-alarm="${id}"]`).getByTestId("alarm-state");
    await until("acknowledged", 5, async () => /, acknowledged/.test(await state.innerText()));
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/#/alarms/${id}`);
    await page.getByText("acknowledged", { exact: true }).waitFor();
    await page.close();
  });

  test("maintenance is ordered with a reason, shown, and ended", async () => {
    const { page, errors } = await openPage(browser);
    await page.goto(`${mock.url}/#/assets/Pump`);
    await page.getByTestId("maintenance-form").locator("summary").click();
    await page.getByLabel("Reason").fill("belt is changed");
    await page.getByTestId("maintenance-begin").click();
    const badge = page.getByTestId("maintenance");
    await badge.waitFor();
    assert.match(await badge.innerText(), /^Maintenance until .*: belt is changed$/);
    await page.getByTestId("maintenance-end").click();
    await badge.waitFor({ state: "detached" });
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("an alarm is called a nuisance and shows what it looked like", async () => {
    const { page, errors } = await openPage(browser);
    const { items } = await (await fetch(`${mock.url}/api/v1/alarms?asset=Mixer`)).json();
    await page.goto(`${mock.url}/#/alarms/${items[0].id}`);
    await page.getByTestId("assess-nuisance").click();
    await until("the assessment", 5, async () => (await page.getByTestId("assess-nuisance").getAttribute("aria-pressed")) === "true");
    await until("its line in the journal", 5, async () => /assessed nuisance/.test(await page.getByLabel("Journal").innerText()));
    assert.ok((await page.getByTestId("alike").locator("li").count()) > 0);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test("typing an a into a comment acknowledges nothing", async () => {
    const { page } = await openPage(browser);
    const { items } = await (await fetch(`${mock.url}/api/v1/alarms?state=unacknowledged`)).json();
    await page.goto(`${mock.url}/#/alarms/${items[0].id}`);
    await page.locator('input[name="comment"]').pressSequentially("a valve was stuck");
    const still = await (await fetch(`${mock.url}/api/v1/alarms/${items[0].id}`)).json();
    assert.equal(still.acknowledged, false);
    await page.getByTestId("alarm-ack").click();
    await page.getByText("a valve was stuck").waitFor();
    await page.close();
  });

  test("a long list goes on page by page without doubling a row", async () => {
    const { page } = await openPage(browser);
    await page.goto(`${mock.url}/#/alarms?state=all`);
    const rows = page.getByTestId("alarm-row");
    await rows.first().waitFor();
    assert.equal(await rows.count(), 50);
    await page.getByRole("button", { name: "Load more" }).click();
    await until("all rows", 5, async () => (await rows.count()) === 75);
    const ids = await rows.evaluateAll((found) => found.map((row) => row.dataset.alarm));
    assert.equal(new Set(ids).size, 75);
    await page.close();
  });

  test("a moment clicked on a trend is held until it is let go", async () => {
    const { page } = await openPage(browser);
    await page.goto(`${mock.url}/#/assets/Mixer`);
    const trend = page.getByTestId("trend-score");
    await until("data", 10, async () => Number(await trend.getAttribute("data-points")) > 100);
    await trend.locator(".u-over").click({ position: { x: 120, y: 60 } });
    await page.mouse.move(5, 5);
    const panel = page.getByTestId("contributions");
    await panel.getByText(/^Score \d/).waitFor();
    await panel.getByRole("button", { name: "Back to now" }).click();
    await until("the present", 5, async () => /now/.test(await panel.locator("h2").innerText()));
    await page.close();
  });

  test("a phone shows everything without scrolling sideways", async () => {
    const { page } = await openPage(browser, { width: 390, height: 844 });
    for (const [path, sign] of PAGES) {
      await page.goto(`${mock.url}/${path}`);
      await page.locator("main").locator(sign).first().waitFor({ timeout: 10_000 });
      const [page_, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(page_ <= window_, `${path} is ${page_} px wide on ${window_} px`);
    }
    await page.close();
  });
});
