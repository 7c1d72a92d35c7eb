// What the service reads, as whom, how old and how complete it is; and all else that it serves.
import type { JSX } from "preact";
import { useAnswer, type Status } from "./api";
import { formatAge, formatBytes, formatTime } from "./format";
import type { PageProps } from "./pages";
import { Readings, Refused, Section } from "./parts";
import { formatRoute } from "./route";

const LINKS: [string, string][] = [
  ["api/v1/vitals", "the cluster in one row"], ["api/v1/problems", "what is wrong, and what could not be read"],
  ["api/v1/nodes", "nodes"], ["api/v1/pods", "pods"], ["api/v1/containers", "containers"], ["api/v1/namespaces", "sums of namespaces"],
  ["api/v1/workloads", "sums of workloads"], ["api/v1/pods?format=csv", "pods as CSV"], ["api/v1/history/nodes", "usage of nodes over time"],
  ["api/v1/infra/nodes", "nodes for Grafana boards"], ["api/v1/infra/pods", "pods for Grafana boards"], ["api/v1/names/namespaces", "names for variables of dashboards"],
  ["api/v1/doctor", "which layer of metrics is silent, why, and what to do"], ["api/v1/status", "the state of the service"], ["metrics", "for Prometheus"], ["openapi.json", "the description of this API"], ["readyz", "whether it is ready, and why not"],
];

export function AboutPage({ turn, params }: PageProps): JSX.Element {
  const { data, error } = useAnswer<Status>("api/v1/status", turn);
  if (error && !data) return <Section title="About"><Refused error={error} what="status" /></Section>;
  if (!data) return <p class="soft">Reading ...</p>;
  return (
    <>
      <Section title="About">
        <p>kubevitals {data.version}. Everybody who can open this page sees what the service's account may read; <code>kubevitals serve -n NAMESPACE</code> narrows it.</p>
        <p>{data.history ? `History is kept in ${data.history.source}${data.history.size_bytes == null ? "" : `, ${formatBytes(data.history.size_bytes)}`}.` : "No history is kept: charts of the past are empty."}</p>
        {data.history?.problem ? <Readings of={[data.history.problem]} /> : null}
      </Section>
      {data.clusters.map((each) => (
        <Section key={each.cluster} title={`Cluster ${each.cluster}`} note={each.ready ? "ready" : "not ready"}>
          <dl class="facts">
            <div><dt>pods of</dt><dd>{each.namespace ?? "all namespaces"}</dd></div>
            <div><dt>snapshot</dt><dd>{each.generated_at ? `${formatTime(each.generated_at)}, ${formatAge(each.age_seconds)} old, each ${each.interval_seconds} s` : "none yet"}</dd></div>
            {Object.entries(each.coverage).map(([kind, of]) => <div key={kind}><dt>{kind} with usage</dt><dd>{of.with_usage} of {of.total}</dd></div>)}
            {Object.entries(each.rights).map(([right, state]) => <div key={right}><dt>right: {right.replace("_", " ")}</dt><dd>{state}</dd></div>)}
            {each.sources.map((source) => <div key={source.name}><dt>source {source.name}</dt><dd>{source.answers ? `answers since ${source.since ? formatTime(source.since) : "-"}` : (source.problem?.message ?? "not asked")}</dd></div>)}
          </dl>
          <Readings of={each.problems} />
          {data.clusters.length > 1 ? <a href={formatRoute([], params, { cluster: each.cluster, ns: null })}>Look at {each.cluster}</a> : null}
        </Section>
      ))}
      <Section title="What else it serves">
        <ul class="links">{LINKS.map(([path, words]) => <li key={path}><a href={path}><code>/{path}</code></a> <span class="soft">{words}</span></li>)}</ul>
      </Section>
    </>
  );
}
