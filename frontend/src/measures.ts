// What the first screen works out of rows and histories. Without elements, so that it can be tested.
import type { History, Row } from "./api";

const EXPECTED = new Set(["ended", "starting", "not_running"]); // nobody's fault

function num(row: Row, key: string): number | null {
  const value = row[key];
  return typeof value === "number" ? value : null;
}

/** The sum over all nodes at each step; a gap where a node that was recorded before has no point. */
export function sumNodes(history: History, key: "cpu_usage_cores" | "memory_usage_bytes"): (number | null)[] {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const node of history.items) {
    for (const point of node.points) {
      const value = point[key];
      if (value == null) continue;
      const held = sums.get(point.timestamp) ?? { sum: 0, count: 0 };
      sums.set(point.timestamp, { sum: held.sum + value, count: held.count + 1 });
    }
  }
  const step = history.step_seconds * 1000;
  const start = Date.parse(history.since);
  const values: (number | null)[] = Array.from({ length: Math.max(0, Math.round((Date.parse(history.until) - start) / step)) }, () => null);
  for (const [time, { sum, count }] of sums) {
    const at = Math.round((Date.parse(time) - start) / step);
    if (at >= 0 && at < values.length && count === history.items.length) values[at] = sum;
  }
  return values;
}

/** Rows without usage that they should have, by reason, the most frequent first. */
export function countSilent(rows: Row[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const silent = row.cpu_usage_cores == null || row.memory_usage_bytes == null;
    if (!silent || (row.problem !== null && EXPECTED.has(row.problem))) continue;
    const code = row.problem ?? "no_sample";
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].toSorted((a, b) => b[1] - a[1]);
}

/** What is nearest to its limit, of CPU or of memory. */
export function nearness(row: Row): number | null {
  const shares = [num(row, "cpu_of_limit"), num(row, "memory_of_limit")].filter((each): each is number => each != null);
  return shares.length ? Math.max(...shares) : null;
}

/** How bad a node is: not ready, then silent, then by its fullest resource. */
export function badness(node: Row): number {
  if (!String(node["status"] ?? "").startsWith("Ready")) return 3;
  if (node.cpu_usage_cores == null || node.memory_usage_bytes == null) return 2;
  return Math.max(num(node, "cpu_of_allocatable") ?? 0, num(node, "memory_of_allocatable") ?? 0);
}
