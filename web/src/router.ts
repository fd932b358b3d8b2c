/** Pages by the address's fragment, so that any static server can serve them: `#/assets/Mixer?span=3600`. */

export type Route =
  | { page: "overview" }
  | { page: "asset"; asset: string; at: number | null; span: number | null }
  | { page: "alarms"; state: string | null }
  | { page: "alarm"; id: number }
  | { page: "sources" }
  | { page: "demo" };

export function parseRoute(hash: string): Route {
  const [path, search = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const [page, name] = path.split("/").filter((p) => p !== "").map(decoded);
  switch (page) {
    case "assets":
      return name === undefined
        ? { page: "overview" }
        : { page: "asset", asset: name, at: time(query.get("at")), span: number(query.get("span")) };
    case "alarms":
      return name === undefined || number(name) === null
        ? { page: "alarms", state: query.get("state") }
        : { page: "alarm", id: Number(name) };
    case "sources":
      return { page: "sources" };
    case "demo":
      return { page: "demo" };
    default:
      return { page: "overview" };
  }
}

export function assetHref(asset: string, at?: string): string {
  return `#/assets/${encodeURIComponent(asset)}${at === undefined ? "" : `?at=${encodeURIComponent(at)}`}`;
}

export const alarmHref = (id: number): string => `#/alarms/${id}`;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function number(text: string | null): number | null {
  return text === null || text === "" || !Number.isFinite(Number(text)) ? null : Number(text);
}

function time(text: string | null): number | null {
  const ms = text === null ? NaN : Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}
