// The pages of nodes, namespaces, workloads and pods.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { query, useAnswer, type History, type List, type Row } from "./api";
import { FIELDS, makeColumns, rowId, rowPath, type Kind } from "./columns";
import type { PageProps } from "./pages";
import { Readings, Refused, Section } from "./parts";
import { formatRoute } from "./route";
import { Table } from "./table";

const SORTS: Record<Kind, string> = {
  nodes: "-memory_of_allocatable", namespaces: "-memory_usage", workloads: "-memory_usage", pods: "-memory_of_limit",
};

/** The last hour of the rows that are seen, in one request. */
export function useSparks(kind: Kind, shown: Row[], params: URLSearchParams, turn: number): Map<string, (number | null)[]> {
  const seen = shown.slice(0, 60);
  const path = seen.length === 0 ? null : query(`api/v1/history/${kind}`, {
    cluster: params.get("cluster"), range: "1h", step: "2m", until: params.get("at"), name: [...new Set(seen.map((each) => each.name))],
  });
  const { data } = useAnswer<History>(path !== null && path.length < 7_500 ? path : null, turn);
  return useMemo(() => {
    const found = new Map<string, (number | null)[]>();
    for (const each of data?.items ?? []) found.set(rowId(each as unknown as Row), spread(each.points, data as History));
    return found;
  }, [data]);
}

/** The values at every step: what was not recorded is a gap. */
export function spread(points: { timestamp: string; cpu_usage_cores: number | null }[], of: { since: string; until: string; step_seconds: number }): (number | null)[] {
  const start = Date.parse(of.since);
  const step = of.step_seconds * 1000;
  const values: (number | null)[] = Array.from({ length: Math.max(0, Math.round((Date.parse(of.until) - start) / step)) + 1 }, () => null);
  for (const each of points) values[Math.round((Date.parse(each.timestamp) - start) / step)] = each.cpu_usage_cores;
  return values;
}

export function Rows(props: PageProps & { kind: Kind; more?: Record<string, string>; title: string }): JSX.Element {
  const { kind, params, turn, now } = props;
  const [sort, setSort] = useState(SORTS[kind]);
  const [shown, setShown] = useState<Row[]>([]);
  const given = {
    cluster: params.get("cluster"), at: params.get("at"), namespace: kind === "nodes" ? null : params.get("ns"),
    filter: params.get("filter"), fields: FIELDS[kind].join(","), ...props.more,
  };
  const { data, error } = useAnswer<List<Row>>(query(`api/v1/${kind}`, given), turn);
  const sparks = useSparks(kind, shown, params, turn);
  const items = data?.items ?? [];
  const columns = makeColumns({ kind, params, now, sparks });
  const csv = query(`api/v1/${kind}`, { ...given, format: "csv" });
  return (
    <Section title={props.title} note={data ? <>{items.length.toLocaleString("en")} shown <a href={csv} download={`${kind}.csv`}>CSV</a></> : ""}>
      {error ? <Refused error={error} what={props.title} /> : null}
      {data ? <Readings of={data.problems} /> : null}
      {data && items.length === 0 ? <p>{params.get("filter") || params.get("ns") ? `No ${kind} match what is asked for.` : `No ${kind} were seen.`}</p> : null}
      {items.length > 0 ? (
        <Table label={props.title} items={items} columns={columns} id={rowId} href={(row) => formatRoute(rowPath(kind, row), params)}
          sort={sort} onSort={setSort} onShown={setShown} />
      ) : null}
    </Section>
  );
}
