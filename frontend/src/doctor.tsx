// The doctor: which layer of metrics is silent, why, the proof, and what to do. It is examined when one comes here.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { query, useAnswer, type DoctorFinding, type DoctorReport } from "./api";
import { formatCount, formatTime } from "./format";
import type { PageProps } from "./pages";
import { Copy, Refused, Section } from "./parts";

const GLYPHS = { critical: "■", warning: "▲", info: "·" };
const STATES: Record<string, string> = { ok: "●", warn: "▲", fail: "■", skip: "–", unknown: "?", blocked: "◌" };
const VERDICTS: Record<DoctorReport["verdict"], [string, string]> = {
  ok: ["ok", "Every installed layer answers; nothing is silent"],
  warn: ["warning", "Nothing is silent; something is wrong, or soon will be"],
  fail: ["critical", "A layer is silent"],
  incomplete: ["unknown", "No fault was found, and not everything could be judged: this is no all-clear"],
  not_examined: ["unknown", "Nothing could be examined: this is no all-clear"],
};

export function DoctorPage({ params }: PageProps): JSX.Element {
  const [turn, setTurn] = useState(0);
  const { data, error } = useAnswer<DoctorReport>(query("api/v1/doctor", { cluster: params.get("cluster") }), turn);
  if (error && !data) return <Section title="Doctor"><Refused error={error} what="the examination" /></Section>;
  if (!data) return <p class="soft">The cluster is being examined, by reads and access reviews alone ...</p>;
  const [level, words] = VERDICTS[data.verdict];
  const missing = [...new Set(data.layers.flatMap((layer) => layer.missing.map((right) => `${right.verb} ${right.resource}${right.group ? `.${right.group}` : ""}`)))];
  return (
    <>
      <section class={`verdict ${level}`} aria-label="Verdict">
        <h1>{data.findings[0]?.title ?? words}</h1>
        <p class="soft">
          {data.context}, examined {formatTime(data.started_at)}, {data.duration_seconds.toFixed(1)} s, {formatCount(data.requests, "read")}{data.user ? `, as ${data.user}` : ""}.{" "}
          <button type="button" class="small" onClick={() => setTurn(turn + 1)}>Examine again</button> <span>at most once a minute</span>
        </p>
      </section>
      {data.findings.map((finding) => <Finding key={finding.id} finding={finding} report={data} />)}
      <Section title="Layers">
        <ul class="layers">
          {data.layers.map((layer) => (
            <li key={layer.name} class={layer.status}>
              <span class="mark" aria-hidden="true">{STATES[layer.status]}</span>
              <strong>{layer.title}</strong> <span>{layer.status}{layer.blocked_by ? ` by ${layer.blocked_by}` : ""}</span> <span class="soft">{layer.text}</span>
            </li>
          ))}
        </ul>
        {missing.length > 0 ? <p class="notice">Rights that are missing: {missing.join(", ")}. <code>kubevitals rbac --features doctor</code> prints what grants them.</p> : null}
        {data.problems.length > 0 ? <ul class="notice">{data.problems.map((each) => <li key={each}>{each}</li>)}</ul> : null}
      </Section>
    </>
  );
}

function Finding({ finding, report }: { finding: DoctorFinding; report: DoctorReport }): JSX.Element {
  const rows: [string, string[], boolean][] = [
    ["damage", finding.damage ? [finding.damage] : [], false],
    ["since", finding.since ? [formatTime(finding.since)] : [], false],
    ["proof", finding.evidence, false],
    ["check", finding.check, true],
    ["fix", finding.fix, false],
    ["not", finding.avoid ? [finding.avoid] : [], false],
    ["blocks", finding.blocks, false],
  ];
  return (
    <section class={`pane finding ${finding.severity}`} aria-label={finding.title}>
      <h2>
        <span class="mark" title={finding.severity}>{GLYPHS[finding.severity]}<span class="hidden">{finding.severity}</span></span> {finding.title}{" "}
        <span class="soft">{finding.id}, {finding.confidence}</span> <Copy text={describe(finding, report)} />
      </h2>
      <p class="soft">{finding.cause}</p>
      <dl class="steps">
        {rows.filter(([, lines]) => lines.length > 0).map(([name, lines, commands]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{lines.map((line) => (commands || isCommand(line) ? <code key={line}>{line.replace(/^! /, "")}{line.startsWith("! ") ? <em> changes the cluster</em> : null}</code> : <span key={line}>{line}</span>))}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function isCommand(line: string): boolean {
  return /^(! )?(kubectl|helm|kubevitals) /.test(line);
}

/** A finding as text for a ticket. */
export function describe(finding: DoctorFinding, report: DoctorReport): string {
  return [
    `${finding.severity}: ${finding.title}`,
    `cluster: ${report.context}, ${report.server_version ?? "version unknown"}`,
    `seen: ${report.started_at}${finding.since ? `, since: ${finding.since}` : ""}`,
    `finding: ${finding.id}, ${finding.confidence}`,
    ...(finding.damage ? [`damage: ${finding.damage}`] : []),
    ...finding.evidence.map((line) => `proof: ${line}`),
    ...finding.check.map((line) => `check: ${line}`),
    ...finding.fix.map((line) => `fix: ${line}`),
    ...(finding.avoid ? [`not: ${finding.avoid}`] : []),
    `link: ${window.location.href}`,
  ].join("\n");
}
