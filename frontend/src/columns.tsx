// The columns of each kind of rows, and the fields that they need.
import type { JSX } from "preact";
import type { Row } from "./api";
import { formatBytes, formatCpu, formatSince } from "./format";
import { Bar, Percent, reason, Sparkline } from "./parts";
import { formatRoute } from "./route";
import type { Column } from "./table";

export type Kind = "nodes" | "namespaces" | "workloads" | "pods";
export const KINDS: Kind[] = ["nodes", "namespaces", "workloads", "pods"];

const USAGE = ["problem", "cpu_usage_cores", "memory_usage_bytes", "cpu_request_cores", "memory_request_bytes"];
const OBJECTS = [...USAGE, "cpu_limit_cores", "memory_limit_bytes", "cpu_of_request", "cpu_of_limit", "memory_of_request", "memory_of_limit"];
export const FIELDS: Record<Kind, string[]> = {
  nodes: [
    "name", "status", "pods", "cpu_allocatable_cores", "memory_allocatable_bytes", "cpu_of_allocatable", "memory_of_allocatable",
    "cpu_request_of_allocatable", "memory_request_of_allocatable", "created_at", ...USAGE,
  ],
  namespaces: ["name", "namespace", "pods", "pods_without_usage", "pods_without_request", "restarts", ...OBJECTS],
  workloads: ["namespace", "name", "workload_kind", "pods", "pods_without_usage", "restarts", ...OBJECTS],
  pods: ["namespace", "name", "status", "containers_ready", "containers_total", "restarts", "created_at", "node", ...OBJECTS],
};

export function num(row: Row, key: string): number | null {
  const value = row[key];
  return typeof value === "number" ? value : null;
}

export function text(row: Row, key: string): string | null {
  const value = row[key];
  return typeof value === "string" ? value : null;
}

export function rowId(row: Row): string {
  return [row.namespace, text(row, "workload_kind"), row.name].filter(Boolean).join("/");
}

export function rowPath(kind: Kind, row: Row): string[] {
  if (kind === "nodes" || kind === "namespaces") return [kind, row.name];
  if (kind === "pods") return [kind, row.namespace ?? "", row.name];
  return [kind, row.namespace ?? "", text(row, "workload_kind") ?? "", row.name];
}

/** Why the usage of this row is unknown. */
function Usage({ row, of }: { row: Row; of: "cpu" | "memory" }): JSX.Element {
  const value = of === "cpu" ? row.cpu_usage_cores : row.memory_usage_bytes;
  if (value == null) {
    const why = row.problem ? reason(row.problem) : "not known";
    return <span class="unknown" title={why}>-<span class="hidden"> {why}</span></span>;
  }
  return <>{of === "cpu" ? formatCpu(value) : formatBytes(value)}</>;
}

function bars(row: Row, of: "cpu" | "memory", kind: Kind): JSX.Element {
  const unit = of === "cpu" ? "cores" : "bytes";
  const format = of === "cpu" ? formatCpu : formatBytes;
  const usage = num(row, `${of}_usage_${unit}`);
  const request = num(row, `${of}_request_${unit}`);
  const limit = num(row, `${of}_limit_${unit}`);
  const whole = kind === "nodes" ? num(row, `${of}_allocatable_${unit}`) : (Math.max(usage ?? 0, request ?? 0, limit ?? 0) || null);
  const end = kind === "nodes" ? `allocatable ${format(whole)}` : `limit ${format(limit)}`;
  return (
    <Bar usage={usage} request={request} limit={kind === "nodes" ? null : limit} whole={whole} ratio={num(row, kind === "nodes" ? `${of}_of_allocatable` : `${of}_of_limit`)}
      words={`${of === "cpu" ? "CPU" : "memory"}: usage ${format(usage)}, request ${format(request)}, ${end}`} />
  );
}

export interface Given {
  kind: Kind;
  params: URLSearchParams;
  now: number;
  sparks: Map<string, (number | null)[]>;
}

export function makeColumns({ kind, params, now, sparks }: Given): Column<Row>[] {
  const link = (row: Row): JSX.Element => (
    <a href={formatRoute(rowPath(kind, row), params)} title={row.name}>{row.name}</a>
  );
  const percents = (of: "cpu" | "memory"): Column<Row>[] =>
    (kind === "nodes"
      ? [[`${of}_of_allocatable`, "%"], [`${of}_request_of_allocatable`, "%req"]]
      : [[`${of}_of_request`, "%req"], [`${of}_of_limit`, "%lim"]]
    ).map(([key = "", title = ""], at) => ({
      key, title, number: true, width: "4.9em", wide: kind === "nodes" ? at === 1 : at === 0,
      value: (row) => num(row, key), cell: (row) => <Percent of={num(row, key)} why={row.problem} neutral={key.endsWith("_of_request")} />,
    }));
  const usage = (of: "cpu" | "memory"): Column<Row>[] => [
    { key: `${of}_usage`, title: of === "cpu" ? "CPU" : "Memory", number: true, width: "4.6em",
      value: (row) => (of === "cpu" ? row.cpu_usage_cores : row.memory_usage_bytes), cell: (row) => <Usage row={row} of={of} /> },
    { key: `${of}_bar`, title: "bar", width: "minmax(4.5em,1fr)", wide: true, cell: (row) => bars(row, of, kind) },
    ...percents(of),
  ];
  const namespace: Column<Row> = {
    key: "namespace", title: "Namespace", width: "minmax(6.2em,1fr)", wide: true, value: (row) => row.namespace,
    cell: (row) => <a href={formatRoute(["namespaces", row.namespace ?? ""], params)}>{row.namespace}</a>,
  };
  const count = (key: string, title: string): Column<Row> => ({
    key, title, number: true, wide: true, width: "5.2em", value: (row) => num(row, key), cell: (row) => num(row, key) ?? "-",
  });
  const status: Column<Row> = {
    key: "status", title: "Status", wide: true, width: "minmax(6em,1fr)", value: (row) => text(row, "status"), cell: (row) => text(row, "status") ?? "-",
  };
  const trend: Column<Row> = {
    key: "trend", title: "CPU, 1 h", wide: true, width: "5em", cell: (row) => <Sparkline values={sparks.get(rowId(row)) ?? []} />,
  };
  const age: Column<Row> = {
    key: "created_at", title: "Age", number: true, wide: true, width: "4em",
    value: (row) => text(row, "created_at"), cell: (row) => formatSince(text(row, "created_at"), now),
  };
  const name: Column<Row> = { key: "name", title: "Name", width: "minmax(9em,3fr)", value: (row) => row.name, cell: link };
  const both = [...usage("cpu"), ...usage("memory")];
  if (kind === "nodes") return [name, status, ...both, count("pods", "Pods"), trend];
  if (kind === "namespaces") return [name, count("pods", "Pods"), ...both, count("pods_without_usage", "No usage"), count("restarts", "Restarts"), trend];
  if (kind === "workloads") {
    const of: Column<Row> = { key: "workload_kind", title: "Kind", wide: true, width: "7em", value: (row) => text(row, "workload_kind"), cell: (row) => text(row, "workload_kind") };
    return [namespace, of, name, count("pods", "Pods"), ...both, count("restarts", "Restarts"), trend];
  }
  const node: Column<Row> = {
    key: "node", title: "Node", wide: true, width: "minmax(5.5em,1fr)", value: (row) => text(row, "node"),
    cell: (row) => (text(row, "node") ? <a href={formatRoute(["nodes", text(row, "node") ?? ""], params)}>{text(row, "node")}</a> : "-"),
  };
  return [namespace, name, status, ...both, count("restarts", "Restarts"), age, node, trend];
}
