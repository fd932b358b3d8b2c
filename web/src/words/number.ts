/** Numbers and units as people read them. */

/** A value to about four significant digits, without a tail of noise. */
export function valueText(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return minus(value.toFixed(digits));
}

const UNITS: Record<string, string> = { degC: "°C", degF: "°F", "m3/h": "m³/h", percent: "%", "%": "%" };

/** A unit as it is printed on a plate. */
export function unitText(unit: string): string {
  return UNITS[unit] ?? unit;
}

/** A value with its unit. */
export function quantityText(value: number | null | undefined, unit: string): string {
  return unit === "" ? valueText(value) : `${valueText(value)}\u00a0${unitText(unit)}`;
}

/** A difference smaller than this share of a value is the network's arithmetic (32 bits) and nothing that was measured. */
const ARITHMETIC = 1e-6;

/** How far and which way: `6.2 °C above expected`. */
export function deviationText(value: number | null, expected: number | null, unit: string): string {
  if (value === null || expected === null) return "no value";
  const residual = value - expected;
  if (Math.abs(residual) <= ARITHMETIC * Math.max(Math.abs(value), Math.abs(expected))) return "as expected";
  return `${quantityText(Math.abs(residual), unit)} ${residual > 0 ? "above" : "below"} expected`;
}

/** A share from 0 to 1 as percent; a little is never shown as nothing. */
export function shareText(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.01) return "<1\u00a0%";
  if (share > 0.99 && share < 1) return ">99\u00a0%";
  return `${Math.round(share * 100)}\u00a0%`;
}

/** A score with one decimal. */
export function scoreText(score: number | null): string {
  return score === null ? "–" : score.toFixed(1);
}

function minus(text: string): string {
  return text.replace(/^-/, "\u2212");
}
