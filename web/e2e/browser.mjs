// A real Chromium for the browser tests, and what they ask of a page.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const USUAL_PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Chromium at ANDON_CHROMIUM, else where distributions put it, else the one that `npx playwright-core install chromium` fetched. */
export function launch() {
  const executablePath = process.env.ANDON_CHROMIUM ?? USUAL_PLACES.find(existsSync);
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];
  return chromium.launch({ executablePath, args });
}

/** A page that remembers every error in its console. */
export async function openPage(browser, viewport = { width: 1366, height: 900 }) {
  const page = await browser.newPage({ viewport });
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => errors.push(error.message));
  return { page, errors };
}

/** Asks until the answer is truthy; what it last was goes into the failure. */
export async function until(what, seconds, ask) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** How many pixels of a trend's plot have the colour of a line; grid, axis and mode names don't count. */
export function linePixels(trend) {
  return trend.locator("canvas").evaluate((canvas) => {
    const plot = canvas.parentElement.querySelector(".u-over").getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const area = [plot.left - box.left, plot.top - box.top, plot.width, plot.height].map((px) => Math.round(px * scale));
    const { data } = canvas.getContext("2d").getImageData(...area);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 200 && data[i] < 70 && data[i + 1] < 75 && data[i + 2] < 80) dark++;
    }
    return dark;
  });
}
