// Problems: what, where, since when, why, what next.
import type { JSX } from "preact";
import { query, useAnswer, type List, type Problem } from "./api";
import { formatCount, formatSince } from "./format";
import { Copy, describeProblem, problemRoute, Readings, Refused, Section } from "./parts";
import type { PageProps } from "./pages";

const GLYPHS = { critical: "■", warning: "▲", info: "·" };

export function ProblemList(props: { list: List<Problem>; params: URLSearchParams; now: number; most?: number }): JSX.Element {
  const { list, params, now } = props;
  const shown = props.most ? list.items.slice(0, props.most) : list.items;
  if (shown.length === 0) return <p>No problem was found in what could be read.</p>;
  return (
    <ul class={props.most ? "problems short" : "problems"}>
      {shown.map((each) => (
        <li key={`${each.kind}/${each.namespace}/${each.name}/${each.code}`} class={each.severity}>
          <span class="mark" title={each.severity}>
            {GLYPHS[each.severity]}
            <span class="hidden">{each.severity}</span>
          </span>
          <div class="what">
            <a href={problemRoute(each, params)}>{[each.namespace, each.name].filter(Boolean).join("/") || each.kind}</a>{" "}
            <strong>{each.code}</strong>{" "}
            <span class="soft">
              {[
                props.most ? "" : each.kind,
                each.since ? `for ${formatSince(each.since, now)}` : "",
                each.pods && each.pods > 1 ? `${each.pods} pods` : "",
              ].filter(Boolean).join(", ")}
            </span>
            <div class="why" title={each.message}>{each.message}</div>
            {each.remedy && !props.most ? <code>{each.remedy}</code> : null}
          </div>
          <Copy text={describeProblem(each, list.cluster, list.generated_at, params)} />
        </li>
      ))}
    </ul>
  );
}

export function ProblemsPage({ params, turn, now }: PageProps): JSX.Element {
  const path = query("api/v1/problems", {
    cluster: params.get("cluster"), at: params.get("at"), namespace: params.get("ns"), filter: params.get("filter"),
  });
  const { data, error } = useAnswer<List<Problem>>(path, turn);
  return (
    <Section title="Problems" note={data ? formatCount(data.items.length, "problem") : ""}>
      {error ? <Refused error={error} what="problems" /> : null}
      {data ? <Readings of={data.problems} /> : null}
      {data ? <ProblemList list={data} params={params} now={now} /> : null}
    </Section>
  );
}
