/** Colours of the canvas; they are those of style.css, which a canvas can't see. Colour means abnormal. */

export const INK = "#24292e";
export const MUTED = "#596067";
export const FAINT = "#8b9299";
export const GRID = "#d3d6d9";
export const BAND = "#cdd2d6";
export const PANEL = "#eceeef";
export const ABNORMAL = "#c5221f";
export const ABNORMAL_PALE = "rgba(197, 34, 31, 0.16)";
export const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

/** Greys that tell neighbouring modes apart; their names are written on them. */
export const MODE_GREYS = ["#c3c8cc", "#d8dbde", "#b3b9be", "#e2e4e6", "#a8afb5"];

let hatch: CanvasPattern | null = null;

/** Diagonal lines, for what was not measured. */
export function hatchPattern(ctx: CanvasRenderingContext2D): CanvasPattern | string {
  if (hatch) return hatch;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  if (!pen) return BAND;
  pen.strokeStyle = "#9aa1a8";
  pen.lineWidth = 1;
  pen.beginPath();
  for (const x of [-4, 4, 12]) {
    pen.moveTo(x - 6, 10);
    pen.lineTo(x + 6, -2);
  }
  pen.stroke();
  hatch = ctx.createPattern(tile, "repeat");
  return hatch ?? BAND;
}
