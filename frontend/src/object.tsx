// The page of one node, namespace, workload or pod: its numbers, its history, what is in it.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { query, useAnswer, type History, type List, type Point, type Problem, type Row } from "./api";
import { Chart, type Line } from "./chart";
import { num, text, type Kind } from "./columns";
import { formatBytes, formatCpu, formatSince, formatTime } from "./format";
import { Rows } from "./lists";
import type { PageProps } from "./pages";
import { Percent, reason, Refused, Section } from "./parts";
import { ProblemList } from "./problems";
import { formatRoute, parseRoute } from "./route";

type Unit = "cores" | "bytes";

/** The points at every step, so that a gap in the record is a gap in the chart. */
export function fill(history: History): { times: number[]; points: (Point | null)[] } {
  const step = history.step_seconds;
  const start = Date.parse(history.since) / 1000;
  const count = Math.max(0, Math.round((Date.parse(history.until) / 1000 - start) / step));
  const points: (Point | null)[] = Array.from({ length: count }, () => null);
  for (const each of history.items[0]?.points ?? []) {
    const at = Math.round((Date.parse(each.timestamp) / 1000 - start) / step);
    if (at >= 0 && at < count) points[at] = each;
  }
  return { times: points.map((_, at) => start + at * step), points };
}

export function Charts(props: { path: string; turn: number; row: Row | null }): JSX.Element {
  const { data, error } = useAnswer<History>(props.path, props.turn);
  const filled = useMemo(() => (data ? fill(data) : null), [data]);
  if (error) return <Refused error={error} what="history" />;
  if (!data || !filled) return <p class="soft">Reading history ...</p>;
  const make = (of: "cpu" | "memory", unit: Unit): Line[] => {
    const pick = (key: string) => filled.points.map((each) => (each ? (num(each as unknown as Row, key) ?? null) : null));
    const constant = (key: string): (number | null)[] => {
      const recorded = pick(key);
      const now = props.row ? num(props.row, key) : null;
      return recorded.some((each) => each != null) || now == null ? recorded : filled.points.map(() => now);
    };
    const lines: Line[] = [
      { label: "usage", color: "--used", values: pick(`${of}_usage_${unit}`) },
      { label: "highest", color: "--soft", values: pick(`${of}_max_${unit}`), dashed: true },
      { label: "request", color: "--asked-line", values: constant(`${of}_request_${unit}`), dashed: true },
      { label: "limit", color: "--bad", values: constant(`${of}_limit_${unit}`), dashed: true },
    ];
    return lines.filter((each, at) => at === 0 || each.values.some((value) => value != null));
  };
  return (
    <>
      <p class="soft">From {data.source}, a point each {data.step_seconds} s.</p>
      <div class="pair">
        <Chart title="CPU" times={filled.times} lines={make("cpu", "cores")} format={formatCpu} />
        <Chart title="Memory" times={filled.times} lines={make("memory", "bytes")} format={formatBytes} />
      </div>
    </>
  );
}

interface Facts {
  [name: string]: JSX.Element | string | null;
}

function describe(kind: Kind, row: Row, params: URLSearchParams, now: number): Facts {
  const node = text(row, "node");
  const owner = text(row, "workload_name");
  const facts: Facts = { status: text(row, "status") };
  if (kind === "pods") {
    facts["node"] = node ? <a href={formatRoute(["nodes", node], params)}>{node}</a> : "none";
    facts["owner"] = owner ? (
      <a href={formatRoute(["workloads", row.namespace ?? "", text(row, "workload_kind") ?? "", owner], params)}>{`${text(row, "workload_kind")} ${owner}`}</a>
    ) : "none";
    facts["quality of service"] = text(row, "qos");
    facts["containers ready"] = `${num(row, "containers_ready") ?? "-"} of ${num(row, "containers_total") ?? "-"}`;
    const ended = text(row, "last_termination_reason");
    facts["last termination"] = ended ? `${ended}, exit code ${num(row, "last_termination_exit_code") ?? "-"}, ${formatSince(text(row, "last_termination_at"), now)} ago` : "none";
  }
  if (kind !== "nodes") facts["restarts"] = `${num(row, "restarts") ?? "-"}`;
  if (kind !== "pods") facts["pods"] = `${num(row, "pods") ?? "-"}`;
  const created = text(row, "created_at");
  if (created) facts["age"] = formatSince(created, now);
  facts["usage"] = row.cpu_usage_cores == null || row.memory_usage_bytes == null ? `not known: ${row.problem ? reason(row.problem) : "no sample"}` : null;
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
}

function Numbers({ row, kind }: { row: Row; kind: Kind }): JSX.Element {
  const last = kind === "nodes" ? "allocatable" : "limit";
  return (
    <table class="numbers">
      <thead>
        <tr><th scope="col">resource</th><th scope="col">usage</th><th scope="col">request</th><th scope="col">{last}</th><th scope="col">usage of {kind === "nodes" ? last : "request"}</th>{kind === "nodes" ? null : <th scope="col">of limit</th>}</tr>
      </thead>
      <tbody>
        {(["cpu", "memory"] as const).map((of) => {
          const unit = of === "cpu" ? "cores" : "bytes";
          const format = of === "cpu" ? formatCpu : formatBytes;
          return (
            <tr key={of}>
              <th scope="row">{of === "cpu" ? "CPU" : "Memory"}</th>
              {["usage", "request", last].map((each) => <td key={each}>{format(num(row, `${of}_${each}_${unit}`))}</td>)}
              <td><Percent of={num(row, kind === "nodes" ? `${of}_of_allocatable` : `${of}_of_request`)} why={row.problem} neutral={kind !== "nodes"} /></td>
              {kind === "nodes" ? null : <td><Percent of={num(row, `${of}_of_limit`)} why={row.problem} /></td>}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Containers({ path, turn, params, now }: PageProps): JSX.Element {
  const [, namespace = "", pod = ""] = path;
  const { data, error } = useAnswer<List<Row>>(query("api/v1/containers", { cluster: params.get("cluster"), at: params.get("at"), namespace, pod }), turn);
  return (
    <Section title="Containers">
      {error ? <Refused error={error} what="containers" /> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="containers, table">
        <table class="numbers">
          <thead><tr>{["container", "status", "CPU", "% request", "% limit", "memory", "% request", "% limit", "restarts", "last termination"].map((each, at) => <th key={at} scope="col">{each}</th>)}</tr></thead>
          <tbody>
            {(data?.items ?? []).map((row) => (
              <tr key={row.name}>
                <th scope="row"><a href={formatRoute(["containers", namespace, pod, row.name], params)}>{row.name}</a></th>
                <td>{text(row, "status")}</td>
                <td>{formatCpu(row.cpu_usage_cores)}</td>
                <td><Percent of={num(row, "cpu_of_request")} why={row.problem} neutral /></td>
                <td><Percent of={num(row, "cpu_of_limit")} why={row.problem} /></td>
                <td>{formatBytes(row.memory_usage_bytes)}</td>
                <td><Percent of={num(row, "memory_of_request")} why={row.problem} neutral /></td>
                <td><Percent of={num(row, "memory_of_limit")} why={row.problem} /></td>
                <td>{num(row, "restarts") ?? "-"}</td>
                <td>{text(row, "last_termination_reason") ?? "-"}{text(row, "last_termination_at") ? `, ${formatSince(text(row, "last_termination_at"), now)} ago` : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

/** The last recorded picture of what is gone. */
function Gone({ history, params }: { history: string; params: URLSearchParams }): JSX.Element | null {
  const { data } = useAnswer<History>(history, 0);
  const last = data?.items[0]?.points.at(-1);
  if (!last) return <p>Nothing of it was recorded in this time; choose a longer range.</p>;
  return (
    <p>
      It was last recorded at {formatTime(last.timestamp)}: CPU {formatCpu(last.cpu_usage_cores)}, memory {formatBytes(last.memory_usage_bytes)}.{" "}
      <a href={formatRoute(parseRoute(window.location.hash).path, params, { at: last.timestamp })}>Look at that moment</a>
    </p>
  );
}

export function ObjectPage(props: PageProps): JSX.Element {
  const { path, params, turn, now } = props;
  const [given = "pods", ...names] = path;
  const kind = (given === "containers" ? "pods" : given) as Kind;
  const cluster = params.get("cluster");
  const under = names.map(encodeURIComponent).join("/");
  const { data, error } = useAnswer<{ item?: Row; items?: Row[] }>(query(`api/v1/${given}/${under}`, { cluster, at: params.get("at") }), turn);
  const row = data?.item ?? data?.items?.[0] ?? null;
  const history = query(`api/v1/history/${given}/${under}`, { cluster, range: params.get("range") ?? "1h", until: params.get("at") });
  const name = names.at(-1) ?? "";
  const filters: Record<string, Record<string, string>> = { nodes: { node: name }, namespaces: { namespace: name }, workloads: { namespace: names[0] ?? "", workload_kind: names[1] ?? "", workload: name } };
  const about = useAnswer<List<Problem>>(query("api/v1/problems", { cluster, at: params.get("at"), namespace: kind === "nodes" ? null : (names.length > 1 || kind === "namespaces" ? names[0] : null) }), turn);
  const mine = (about.data?.items ?? []).filter((each) => kind === "namespaces" || each.name === name || (kind === "pods" && row !== null && each.name === text(row, "workload_name")));
  return (
    <>
      <Section title={`${given.slice(0, -1)} ${names.filter((_, at) => given !== "workloads" || at !== 1).join("/")}`}>
        {error ? <Refused error={error} what={name} /> : null}
        {error?.status === 404 ? <Gone history={history} params={params} /> : null}
        {row ? (
          <>
            <dl class="facts">{Object.entries(describe(kind, row, params, now)).map(([key, value]) => <div key={key}><dt>{key}</dt><dd>{value}</dd></div>)}</dl>
            <Numbers row={row} kind={kind} />
          </>
        ) : null}
      </Section>
      {about.data && mine.length > 0 ? <Section title="Problems"><ProblemList list={{ ...about.data, items: mine }} params={params} now={now} /></Section> : null}
      <Section title="Over time"><Charts path={history} turn={turn} row={row} /></Section>
      {given === "pods" && row ? <Containers {...props} /> : null}
      {filters[kind] ? <Rows {...props} kind="pods" title="Pods" more={filters[kind]} /> : null}
    </>
  );
}
