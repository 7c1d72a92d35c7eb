// Asking the service. All addresses are relative to the page. Copies are revalidated by the browser's own cache.
import { useEffect, useRef, useState } from "preact/hooks";

export interface Row {
  name: string;
  namespace: string | null;
  problem: string | null;
  cpu_usage_cores: number | null;
  memory_usage_bytes: number | null;
  [key: string]: unknown;
}
export interface Problem {
  severity: "critical" | "warning" | "info";
  code: string;
  kind: string;
  namespace: string | null;
  name: string | null;
  message: string;
  remedy: string | null;
  since: string | null;
  pods: number | null;
}
export interface Reading {
  code: string;
  message: string;
  remedy: string | null;
}
export interface List<Item> {
  cluster: string;
  source: string;
  generated_at: string;
  problems: Reading[];
  items: Item[];
}
export interface Vitals {
  nodes: number;
  nodes_ready: number;
  nodes_with_usage: number;
  pods: number;
  pods_live: number;
  pods_with_usage: number;
  problems_critical: number;
  problems_warning: number;
  cpu_allocatable_cores: number | null;
  cpu_of_allocatable: number | null;
  cpu_request_of_allocatable: number | null;
  memory_allocatable_bytes: number | null;
  memory_of_allocatable: number | null;
  memory_request_of_allocatable: number | null;
}
export interface Point {
  timestamp: string;
  cpu_usage_cores: number | null;
  memory_usage_bytes: number | null;
  cpu_max_cores: number | null;
  memory_max_bytes: number | null;
  cpu_request_cores: number | null;
  cpu_limit_cores: number | null;
  memory_request_bytes: number | null;
  memory_limit_bytes: number | null;
}
export interface Series {
  name: string;
  namespace: string | null;
  points: Point[];
}
export interface History extends List<Series> {
  since: string;
  until: string;
  step_seconds: number;
}
export interface ClusterStatus {
  cluster: string;
  namespace: string | null;
  source: string;
  ready: boolean;
  generated_at: string | null;
  age_seconds: number | null;
  interval_seconds: number;
  sources: { name: string; answers: boolean; since: string | null; problem: Reading | null }[];
  coverage: Record<string, { with_usage: number; total: number }>;
  rights: Record<string, string>;
  problems: Reading[];
}
export interface Status {
  version: string;
  history: { source: string; size_bytes: number | null; problem: Reading | null } | null;
  clusters: ClusterStatus[];
}

export interface DoctorFinding {
  id: string;
  layer: string;
  severity: "critical" | "warning" | "info";
  confidence: string;
  title: string;
  cause: string;
  damage: string | null;
  since: string | null;
  evidence: string[];
  check: string[];
  fix: string[];
  avoid: string | null;
  blocks: string[];
}
export interface DoctorReport {
  verdict: "ok" | "warn" | "fail" | "incomplete" | "not_examined";
  context: string;
  user: string | null;
  server_version: string | null;
  started_at: string;
  duration_seconds: number;
  requests: number;
  layers: { name: string; title: string; status: string; text: string | null; blocked_by: string | null; missing: { verb: string; resource: string; group: string }[] }[];
  findings: DoctorFinding[];
  problems: string[];
}

/** What the service refused, in its words, or that it could not be reached. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy: string | null,
  ) {
    super(message);
  }
}

export async function ask<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { accept: "application/json" }, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, "the service cannot be reached", "the page tries again by itself");
  }
  if (response.ok) return (await response.json()) as Answer;
  const told = (await response.json().catch(() => ({}))) as { detail?: string; remedy?: string };
  throw new Refusal(response.status, told.detail ?? `the service answers ${response.status}`, told.remedy ?? null);
}

export function query(path: string, params: Record<string, string | string[] | null | undefined>): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each) given.append(key, each);
  }
  const text = given.toString();
  return text ? `${path}?${text}` : path;
}

export interface Answer<Data> {
  data: Data | null;
  error: Refusal | null;
}

/** Ask for `path`, and again at each `turn`. While that lasts, and if it fails, the last answer of the path stays. */
export function useAnswer<Data>(path: string | null, turn: number): Answer<Data> {
  const [held, setHeld] = useState<Answer<Data> & { path: string | null }>({ data: null, error: null, path: null });
  const last = useRef(path);
  last.current = path;
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    ask<Data>(path, stop.signal).then(
      (data) => setHeld({ data, error: null, path }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal(0, String(error), null);
        setHeld((before) => ({ data: before.path === path ? before.data : null, error: refusal, path }));
      },
    );
    return () => stop.abort();
  }, [path, turn]);
  return held.path === path ? held : { data: null, error: null };
}
