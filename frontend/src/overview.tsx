// The first screen: is anything wrong or silent, what, where, who is nearest to trouble.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { query, useAnswer, type History, type List, type Problem, type Row, type Vitals } from "./api";
import { FIELDS, num, rowId, text } from "./columns";
import { formatBytes, formatCount, formatCpu, formatPercent, judge } from "./format";
import { badness, countSilent, nearness, sumNodes } from "./measures";
import type { PageProps } from "./pages";
import { Bar, Percent, Readings, reason, Refused, Section, Sparkline } from "./parts";
import { ProblemList } from "./problems";
import { formatRoute } from "./route";

const MAP_MOST = 200;

export function Overview(props: PageProps & { controls: boolean }): JSX.Element {
  const { params, turn, now } = props;
  const cluster = params.get("cluster");
  const at = params.get("at");
  const namespace = params.get("ns");
  const filter = params.get("filter");
  const vitals = useAnswer<List<Vitals>>(query("api/v1/vitals", { cluster, at }), turn);
  const found = useAnswer<List<Problem>>(query("api/v1/problems", { cluster, at, namespace, filter }), turn);
  const nodes = useAnswer<List<Row>>(query("api/v1/nodes", { cluster, at, fields: FIELDS.nodes.join(",") }), turn);
  const silentPods = useAnswer<List<Row>>(query("api/v1/pods", { cluster, at, namespace, filter, fields: "problem,cpu_usage_cores,memory_usage_bytes" }), turn);
  const near = { cluster, at, namespace, filter, limit: "6", fields: FIELDS.pods.join(",") };
  const byCpu = useAnswer<List<Row>>(query("api/v1/pods", { ...near, sort: "-cpu_of_limit" }), turn);
  const byMemory = useAnswer<List<Row>>(query("api/v1/pods", { ...near, sort: "-memory_of_limit" }), turn);
  const many = (nodes.data?.items.length ?? 0) > 500;
  const history = useAnswer<History>(nodes.data && !many ? query("api/v1/history/nodes", { cluster, range: "1h", step: "1m", until: at }) : null, turn);
  const row = vitals.data?.items[0];
  if (vitals.error && !row) return <Section title="Overview"><Refused error={vitals.error} what="nothing can be said" /></Section>;
  if (!row || !found.data) return <p class="soft" role="status">Reading the cluster ...</p>;

  const critical = found.data.items.filter((each) => each.severity === "critical").length;
  const warning = found.data.items.filter((each) => each.severity === "warning").length;
  const silent = countSilent(silentPods.data?.items ?? []);
  const deaf = countSilent(nodes.data?.items ?? []);
  const silentPodCount = silent.reduce((sum, [, count]) => sum + count, 0);
  const silentNodeCount = deaf.reduce((sum, [, count]) => sum + count, 0);
  const nothing = row.nodes === 0 && row.pods === 0;
  const pods = [...new Map([...(byCpu.data?.items ?? []), ...(byMemory.data?.items ?? [])].map((each) => [rowId(each), each])).values()]
    .filter((each) => nearness(each) != null).toSorted((a, b) => (nearness(b) ?? 0) - (nearness(a) ?? 0)).slice(0, 6);
  const level = critical ? "critical" : warning ? "warning" : silentPodCount + silentNodeCount || nothing ? "unknown" : "ok";
  const words = critical || warning
    ? [critical ? `${critical} critical` : "", warning ? formatCount(warning, "warning") : ""].filter(Boolean).join(", ")
    : nothing ? "Nothing can be said: no node and no pod was seen"
      : silentPodCount + silentNodeCount ? "No problem was found, but not all is seen" : `Nothing is wrong with ${formatCount(row.nodes, "node")} and ${formatCount(row.pods, "pod")}`;
  return (
    <>
      <section class={`verdict ${level}`} aria-label="Verdict">
        <h1>{words}</h1>
        <p>
          {silentNodeCount + silentPodCount === 0 ? "Nothing is silent." : (
            <>
              <strong>Silent: </strong>
              {[...deaf.map(([code, count]) => `${formatCount(count, "node")} ${reason(code)}`), ...silent.map(([code, count]) => `${formatCount(count, "pod")} ${reason(code)}`)].join("; ")}
            </>
          )}
        </p>
        <Readings of={found.data.problems} />
      </section>
      <div class="first">
        <Section title="Problems" note={<a href={formatRoute(["problems"], params)}>all {found.data.items.length}</a>}>
          <ProblemList list={found.data} params={params} now={now} most={8} />
        </Section>
        <Section title="CPU and memory" note="used and requested, of allocatable">
          <Resource of="cpu" vitals={row} history={history.data} />
          <Resource of="memory" vitals={row} history={history.data} />
          {many ? <p class="soft">The last hour is not summed for more than 500 nodes.</p> : null}
          {history.error ? <Refused error={history.error} what="the last hour" /> : null}
        </Section>
      </div>
      <Section title="Nodes" note={<><a href={formatRoute(["nodes"], params)}>all {row.nodes}</a>, worst first</>}>
        {nodes.error ? <Refused error={nodes.error} what="nodes" /> : null}
        {nodes.data?.items.length === 0 ? <p>No node was seen. The account may lack the right to list nodes: <a href={formatRoute(["about"], params)}>about</a> tells.</p> : null}
        <NodeMap nodes={nodes.data?.items ?? []} params={params} />
      </Section>
      <Section title="Pods nearest to their limits" note={<a href={formatRoute(["pods"], params)}>all {row.pods}</a>}>
        {pods.length === 0 ? <p>No pod has both a limit and usage that is known.</p> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="pods nearest to their limits, table">
            <table class="numbers">
              <thead><tr>{["pod", "CPU", "% of limit", "memory", "% of limit", "restarts", "node"].map((each, key) => <th key={key} scope="col">{each}</th>)}</tr></thead>
              <tbody>
                {pods.map((each) => (
                  <tr key={rowId(each)}>
                    <th scope="row"><a href={formatRoute(["pods", each.namespace ?? "", each.name], params)}>{each.namespace}/{each.name}</a></th>
                    <td>{formatCpu(each.cpu_usage_cores)}</td>
                    <td><Percent of={num(each, "cpu_of_limit")} why={each.problem} /></td>
                    <td>{formatBytes(each.memory_usage_bytes)}</td>
                    <td><Percent of={num(each, "memory_of_limit")} why={each.problem} /></td>
                    <td>{num(each, "restarts") ?? "-"}</td>
                    <td>{text(each, "node") ?? "-"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Section>
    </>
  );
}

function Resource({ of, vitals, history }: { of: "cpu" | "memory"; vitals: Vitals; history: History | null }): JSX.Element {
  const key = of === "cpu" ? "cpu_usage_cores" : "memory_usage_bytes";
  const sums = useMemo(() => (history ? sumNodes(history, key) : []), [history, key]);
  const used = vitals[`${of}_of_allocatable`];
  const asked = vitals[`${of}_request_of_allocatable`];
  const whole = of === "cpu" ? vitals.cpu_allocatable_cores : vitals.memory_allocatable_bytes;
  const total = of === "cpu" ? formatCpu(whole) : formatBytes(whole);
  const title = of === "cpu" ? "CPU" : "Memory";
  const words = `${title}: used ${formatPercent(used)}, requested ${formatPercent(asked)}, of ${total} allocatable`;
  return (
    <div class="resource">
      <div><strong>{title}</strong> used <Percent of={used} />, requested {formatPercent(asked)} of {total}</div>
      <Bar usage={used} request={asked} ratio={used} whole={whole == null ? null : 1} words={words} />
      <div class="hour"><span class="soft">1 h</span><Sparkline values={sums} most={whole} /></div>
    </div>
  );
}

function NodeMap({ nodes, params }: { nodes: Row[]; params: URLSearchParams }): JSX.Element {
  const sorted = nodes.toSorted((a, b) => badness(b) - badness(a));
  const rest = sorted.length - MAP_MOST;
  return (
    <ul class="map">
      {sorted.slice(0, MAP_MOST).map((node) => {
        const cpu = num(node, "cpu_of_allocatable");
        const memory = num(node, "memory_of_allocatable");
        const dead = badness(node) >= 2;
        const level = dead ? "silent" : judge(Math.max(cpu ?? 0, memory ?? 0));
        const status = text(node, "status") ?? "";
        return (
          <li key={node.name} class={`cell ${level}`}>
            <a href={formatRoute(["nodes", node.name], params)} title={node.problem ? reason(node.problem) : node.name}>
              <span class="name">{node.name}</span>
              <span>CPU <Percent of={cpu} why={node.problem} /></span>
              <span>mem <Percent of={memory} why={node.problem} /></span>
              <span class="soft">{dead && status === "Ready" ? "silent" : status}</span>
            </a>
          </li>
        );
      })}
      {rest > 0 ? <li class="cell"><a href={formatRoute(["nodes"], params)}>{rest} more</a></li> : null}
    </ul>
  );
}
