/** One function per REST resource. */

import { observeServerDate } from "./clock";
import type {
  Alarm,
  AlarmDetail,
  AlarmFilter,
  Assessment,
  Asset,
  AssetDetail,
  Contributions,
  ExpectedRow,
  Fault,
  FaultOrder,
  List,
  Sample,
  ScoreRow,
  Source,
} from "./types";

/** The server said no; `message` is fit to be shown. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** A span of time in milliseconds since the epoch, and how many points of it are wanted. */
export interface Span {
  from: number;
  to: number;
  maxPoints: number;
}

const PATIENCE_MS = 20_000;

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const sent = Date.now();
  const response = await fetch(path, { ...init, signal: init.signal ?? AbortSignal.timeout(PATIENCE_MS) });
  observeServerDate(response.headers.get("date"), sent, Date.now());
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return response;
}

/** The text of a problem+json body (RFC 9457), or the status line where there is none. */
async function problemText(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { title?: string; detail?: string };
    const words = [problem.title, problem.detail].filter((w) => w !== undefined && w !== "");
    if (words.length > 0) return words.join(": ");
  } catch {
    // The body was no JSON; the status line says what there is to say.
  }
  return `The server answered ${response.status} ${response.statusText}`.trim();
}

async function get<T>(path: string): Promise<T> {
  return (await request(`/api/v1${path}`)).json() as Promise<T>;
}

async function post<T>(path: string, body: unknown): Promise<T> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return (await request(`/api/v1${path}`, init)).json() as Promise<T>;
}

function query(values: Record<string, string | number | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== "");
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)]))}`;
}

function spanQuery({ from, to, maxPoints }: Span): string {
  return query({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), max_points: maxPoints });
}

const part = encodeURIComponent;

export interface AlarmQuery {
  state?: AlarmFilter;
  asset?: string;
  order?: "newest" | "oldest";
  limit?: number;
  cursor?: string | null;
}

export const api = {
  assets: () => get<List<Asset>>("/assets"),
  asset: (asset: string) => get<AssetDetail>(`/assets/${part(asset)}`),
  scores: (asset: string, span: Span) => get<List<ScoreRow>>(`/assets/${part(asset)}/scores${spanQuery(span)}`),
  contributions: (asset: string, atMs: number) =>
    get<Contributions>(`/assets/${part(asset)}/contributions${query({ at: new Date(atMs).toISOString() })}`),
  samples: (asset: string, tag: string, span: Span) =>
    get<List<Sample>>(`/tags/${part(asset)}/${part(tag)}/samples${spanQuery(span)}`),
  expected: (asset: string, tag: string, span: Span) =>
    get<List<ExpectedRow>>(`/tags/${part(asset)}/${part(tag)}/expected${spanQuery(span)}`),
  alarms: ({ state, ...rest }: AlarmQuery) =>
    get<List<Alarm>>(`/alarms${query({ state: state === "all" ? undefined : state, ...rest })}`),
  alarm: (id: number) => get<AlarmDetail>(`/alarms/${id}`),
  acknowledge: (id: number, comment?: string) =>
    post<Alarm>(`/alarms/${id}/acknowledge`, comment === undefined || comment === "" ? {} : { comment }),
  assess: (id: number, assessment: Assessment) => post<Alarm>(`/alarms/${id}/assessment`, { assessment }),
  maintain: (asset: string, until: Date, reason: string) =>
    post<Asset>(`/assets/${part(asset)}/maintenance`, { until: until.toISOString(), reason }),
  endMaintenance: async (asset: string): Promise<Asset> =>
    (await request(`/api/v1/assets/${part(asset)}/maintenance`, { method: "DELETE" })).json() as Promise<Asset>,
  sources: () => get<List<Source>>("/sources"),
  version: () => get<{ version: string }>("/version"),
  healthy: async (): Promise<void> => void (await request("/healthz", { signal: AbortSignal.timeout(5000) })),
  faults: () => get<List<Fault>>("/demo/faults"),
  injectFault: (order: FaultOrder) => post<Fault>("/demo/faults", order),
  clearFault: async (id: number | string): Promise<void> =>
    void (await request(`/api/v1/demo/faults/${part(String(id))}`, { method: "DELETE" })),
};

/** What to show of any failure: the server's own words, or that it can't be reached. */
export function failureText(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return "The server can't be reached";
}
