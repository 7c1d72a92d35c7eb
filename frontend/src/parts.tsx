// Small parts that all pages use. All text is text: nothing from the cluster is ever read as HTML.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Problem, Reading, Refusal } from "./api";
import { formatPercent, judge, type Level } from "./format";
import { formatRoute } from "./route";
import reasons from "./reasons.json";

export interface Place {
  path: string[];
  params: URLSearchParams;
}

const GLYPHS: Record<Level, string> = { none: "", warning: "▲", critical: "■" };
const RESOURCES: Record<string, string> = { Node: "nodes", Pod: "pods", Namespace: "namespaces", Container: "containers" };

export function reason(code: string): string {
  return (reasons as Record<string, string>)[code] ?? code;
}

/** A percentage with the glyph of its level; colour only repeats it. Of a request it is neutral: to use more is normal. */
export function Percent({ of, why, neutral }: { of: number | null | undefined; why?: string | null; neutral?: boolean }): JSX.Element {
  if (of == null) return <span class="unknown" title={why ? reason(why) : "not known"}>-</span>;
  const level = neutral ? "none" : judge(of);
  return (
    <span class={`level ${level}`}>
      {formatPercent(of)}
      {level === "none" ? "" : ` ${GLYPHS[level]}`}
    </span>
  );
}

/** Usage, request and limit on one scale of 0 to `whole`. */
export function Bar(props: { usage: number | null; request: number | null; limit?: number | null; whole: number | null; ratio: number | null; words: string }): JSX.Element {
  const { usage, request, whole } = props;
  const share = (value: number | null | undefined): string => `${Math.min(1, (value ?? 0) / (whole || 1)) * 100}%`;
  if (!whole) return <span class="bar empty" role="img" aria-label={props.words} title={props.words} />;
  return (
    <span class={usage == null ? "bar hatched" : "bar"} role="img" aria-label={props.words} title={props.words}>
      {request == null ? null : <span class="asked" style={{ width: share(request) }} />}
      {usage == null ? null : <span class={`used ${judge(props.ratio)}`} style={{ width: share(usage) }} />}
      {props.limit == null ? null : <span class="limit" style={{ left: share(props.limit) }} />}
    </span>
  );
}

export function Sparkline({ values, most }: { values: (number | null)[]; most?: number | null }): JSX.Element {
  const known = values.filter((each): each is number => each != null);
  if (known.length < 2) return <span class="unknown" title="not enough history yet">-</span>;
  const top = most || Math.max(...known) || 1;
  let path = "";
  let pen = "M";
  values.forEach((value, at) => {
    if (value == null) {
      pen = "M";
      return;
    }
    path += `${pen}${((at / (values.length - 1)) * 100).toFixed(1)} ${(22 - Math.min(1, value / top) * 20).toFixed(1)}`;
    pen = "L";
  });
  return (
    <svg class="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export function Copy({ text }: { text: string }): JSX.Element {
  const [done, setDone] = useState("");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setDone("copied");
    } catch {
      setDone("the browser refused");
    }
    window.setTimeout(() => setDone(""), 2_000);
  };
  return (
    <button type="button" class="small" onClick={() => void copy()} title="copy as text for a ticket">
      <span aria-live="polite">{done || "Copy"}</span>
    </button>
  );
}

/** The page of what a problem is about. */
export function problemRoute(problem: Problem, params: URLSearchParams): string {
  const { kind, namespace, name } = problem;
  if (!name) return formatRoute(["problems"], params);
  const plural = RESOURCES[kind];
  if (plural === "nodes" || plural === "namespaces") return formatRoute([plural, name], params);
  if (plural === "pods") return formatRoute(["pods", namespace ?? "", name], params);
  if (plural === "containers") return formatRoute(["pods"], params, { filter: name });
  return formatRoute(["workloads", namespace ?? "", kind, name], params);
}

/** A problem as text for a ticket: what, where, since when, what next, and a link fixed in time. */
export function describeProblem(problem: Problem, cluster: string, taken: string, params: URLSearchParams): string {
  const url = new URL(window.location.href);
  const fixed = new URLSearchParams(params);
  fixed.set("cluster", cluster);
  fixed.set("at", taken);
  url.hash = problemRoute(problem, fixed);
  const object = [problem.namespace, problem.name].filter(Boolean).join("/");
  return [
    `${problem.severity}: ${problem.kind} ${object} ${problem.code}`,
    `cluster: ${cluster}`,
    `seen: ${taken}${problem.since ? `, since: ${problem.since}` : ""}`,
    `evidence: ${problem.message}`,
    ...(problem.remedy ? [`next: ${problem.remedy}`] : []),
    `link: ${url.href}`,
  ].join("\n");
}

export function Refused({ error, what }: { error: Refusal; what: string }): JSX.Element {
  return (
    <p class="notice" role="status">
      <strong>{what}: </strong>
      {error.message}
      {error.remedy ? <span class="soft"> Try: {error.remedy}</span> : null}
    </p>
  );
}

export function Readings({ of }: { of: Reading[] }): JSX.Element | null {
  if (of.length === 0) return null;
  return (
    <ul class="notice">
      {of.map((each) => (
        <li key={each.code + each.message}>
          {each.message}
          {each.remedy ? <span class="soft"> Try: {each.remedy}</span> : null}
        </li>
      ))}
    </ul>
  );
}

export function Section({ title, children, note }: { title: string; children: ComponentChildren; note?: ComponentChildren }): JSX.Element {
  return (
    <section class="pane" aria-label={title} tabIndex={0}>
      <h2>
        {title} <span class="soft">{note}</span>
      </h2>
      {children}
    </section>
  );
}
