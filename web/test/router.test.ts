import { expect, test } from "vitest";
import { assetHref, parseRoute } from "../src/router";

test("an asset's name survives the address, whatever is in it", () => {
  const name = "Oven 2? #3 °C %";
  expect(parseRoute(assetHref(name))).toEqual({ page: "asset", asset: name, at: null, span: null });
});

test("a moment survives the address", () => {
  const at = "2026-11-23T12:00:00.250Z";
  expect(parseRoute(assetHref("Mixer", at))).toMatchObject({ asset: "Mixer", at: Date.parse(at) });
});

test.each([
  ["", { page: "overview" }],
  ["#/", { page: "overview" }],
  ["#/nonsense", { page: "overview" }],
  ["#/assets", { page: "overview" }],
  ["#/assets/Mixer?span=3600", { page: "asset", asset: "Mixer", at: null, span: 3600 }],
  ["#/assets/Mixer?at=yesterday&span=long", { page: "asset", asset: "Mixer", at: null, span: null }],
  ["#/assets/%E0%A4%A", { page: "asset", asset: "%E0%A4%A", at: null, span: null }],
  ["#/alarms", { page: "alarms", state: null }],
  ["#/alarms?state=all", { page: "alarms", state: "all" }],
  ["#/alarms/12", { page: "alarm", id: 12 }],
  ["#/alarms/twelve", { page: "alarms", state: null }],
  ["#/sources", { page: "sources" }],
  ["#/demo", { page: "demo" }],
])("%s leads somewhere", (hash, route) => expect(parseRoute(hash)).toEqual(route));
