import { isCommand } from "../src/doctor";
import { describe, expect, it } from "vitest";
import type { History, Row } from "../src/api";
import { formatAge, formatBytes, formatCpu, formatPercent, judge } from "../src/format";
import { badness, countSilent, nearness, sumNodes } from "../src/measures";
import { formatRoute, parseRoute } from "../src/route";
import { sortRows } from "../src/order";

const row = (given: Partial<Row>): Row => ({ name: "a", namespace: "x", problem: null, cpu_usage_cores: 1, memory_usage_bytes: 1, ...given });

describe("values", () => {
  it("shows unknown as a dash and zero as zero", () => {
    for (const format of [formatCpu, formatBytes, formatPercent, formatAge]) {
      expect(format(null)).toBe("-");
      expect(format(0)).not.toBe("-");
    }
  });
  it("judges as the command line does", () => {
    expect([null, 0, 0.85, 0.851, 0.95, 0.951, 2].map(judge)).toEqual(["none", "none", "none", "warning", "warning", "critical", "critical"]);
  });
  it("writes quantities and ages shortly", () => {
    expect([0.25, 9.9996, 12.34].map(formatCpu)).toEqual(["250m", "10000m", "12.3"]);
    expect([512, 2 ** 20, 1.5 * 2 ** 30, 2 ** 40].map(formatBytes)).toEqual(["512", "1Mi", "1.5Gi", "1.0Ti"]);
    expect([5, 600, 12_000, 200_000].map(formatAge)).toEqual(["5s", "10m", "3h20m", "2d"]);
  });
});

describe("routes", () => {
  it("come back as they were, whatever a name holds", () => {
    for (const name of ["a", "a/b", "%", "ä?#&", "<b>", "x y"]) {
      const fragment = formatRoute(["pods", name], new URLSearchParams(), { filter: name });
      expect(parseRoute(fragment).path).toEqual(["pods", name]);
      expect(parseRoute(fragment).params.get("filter")).toBe(name);
    }
  });
  it("keep cluster, namespace and time, and drop the filter", () => {
    const from = new URLSearchParams("cluster=c&ns=n&at=t&range=6h&filter=f");
    expect(parseRoute(formatRoute(["nodes"], from)).params.toString()).toBe("cluster=c&ns=n&at=t&range=6h");
  });
  it("take broken escapes as text", () => expect(parseRoute("#/pods/%zz").path).toEqual(["pods", "%zz"]));
});

describe("rows", () => {
  it("are sorted with unknown last in either direction", () => {
    const items = [{ v: null }, { v: 2 }, { v: 1 }];
    expect(sortRows(items, (each) => each.v, false).map((each) => each.v)).toEqual([1, 2, null]);
    expect(sortRows(items, (each) => each.v, true).map((each) => each.v)).toEqual([2, 1, null]);
  });
  it("are silent by reason, unless that is nobody's fault", () => {
    const silent = (problem: string | null): Row => row({ cpu_usage_cores: null, problem });
    expect(countSilent([row({}), silent("ended"), silent("node_silent"), silent("node_silent"), silent(null)])).toEqual([["node_silent", 2], ["no_sample", 1]]);
  });
  it("are as near to trouble as the nearer resource, and unknown without a limit", () => {
    expect(nearness(row({ cpu_of_limit: 0.2, memory_of_limit: 0.9 }))).toBe(0.9);
    expect(nearness(row({ cpu_of_limit: null }))).toBeNull();
  });
  it("put dead nodes before silent ones before full ones", () => {
    const nodes = [row({ status: "Ready", cpu_of_allocatable: 0.99 }), row({ status: "Ready", cpu_usage_cores: null }), row({ status: "NotReady" })];
    expect(nodes.map(badness)).toEqual([0.99, 2, 3]);
  });
});

it("sums nodes, with a gap where one of them has no point", () => {
  const point = (minute: number, cpu: number) => ({ timestamp: `2026-01-01T00:0${minute}:00Z`, cpu_usage_cores: cpu });
  const history = {
    since: "2026-01-01T00:00:00Z", until: "2026-01-01T00:03:00Z", step_seconds: 60,
    items: [{ points: [point(0, 1), point(1, 2)] }, { points: [point(0, 10)] }],
  } as unknown as History;
  expect(sumNodes(history, "cpu_usage_cores")).toEqual([11, null, null]);
});

describe("the doctor", () => {
  it("tells commands from words", () => {
    expect(isCommand("kubectl get csr")).toBe(true);
    expect(isCommand("! helm -n a upgrade b c")).toBe(true);
    expect(isCommand("Look at the pods: kubectl shows them")).toBe(false);
  });
});
