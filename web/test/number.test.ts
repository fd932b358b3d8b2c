import { expect, test } from "vitest";
import { deviationText, quantityText, shareText, valueText } from "../src/words/number";

test("four digits or so, whatever the size", () => {
  expect(valueText(81.2345)).toBe("81.23");
  expect(valueText(1450.4)).toBe("1450");
  expect(valueText(0.01234)).toBe("0.012");
  expect(valueText(-3.5)).toBe("\u22123.50");
  expect(valueText(null)).toBe("–");
  expect(valueText(NaN)).toBe("–");
});

test("units as on the plate", () => expect(quantityText(80, "degC")).toBe("80.00\u00a0°C"));

test("how far and which way", () => {
  expect(deviationText(86.2, 80, "degC")).toBe("6.20\u00a0°C above expected");
  expect(deviationText(1, 2, "")).toBe("1.00 below expected");
  expect(deviationText(1, 1.0000007, "")).toBe("as expected");
  expect(deviationText(1013.2, 1013, "mbar")).toBe("0.200\u00a0mbar above expected");
  expect(deviationText(null, 2, "bar")).toBe("no value");
});

test("a little is not nothing and nearly all is not all", () => {
  expect(shareText(0)).toBe("0\u00a0%");
  expect(shareText(0.001)).toBe("<1\u00a0%");
  expect(shareText(0.999)).toBe(">99\u00a0%");
  expect(shareText(1)).toBe("100\u00a0%");
});
