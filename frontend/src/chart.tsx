// uPlot, behind this one file. A chart is reachable: a sentence, a table of its points, a cursor by keyboard.
import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatCount } from "./format";
import "uplot/dist/uPlot.min.css";

export interface Line {
  label: string;
  color: string; // the name of a custom property
  values: (number | null)[];
  dashed?: boolean;
}

/** UTC: the day at midnight, else the minute. */
function formatMark(time: number): string {
  const text = new Date(time * 1000).toISOString();
  return text.slice(11, 16) === "00:00" ? text.slice(5, 10) : text.slice(11, 16);
}

export function Chart(props: { title: string; times: number[]; lines: Line[]; format: (value: number | null) => string }): JSX.Element {
  const { times, lines, format, title } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const id = useId();
  const few = (lines[0]?.values ?? []).filter((each) => each != null).length < 40; // single points are seen as dots
  const shape = `${lines.map((each) => each.label).join()} ${few}`;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const color = (name: string) => (): string => getComputedStyle(element).getPropertyValue(name).trim();
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 } };
    const made = new uPlot(
      {
        width: element.clientWidth || 300,
        height: 180,
        cursor: { sync: { key: "time" } },
        scales: { y: { range: (_, __, most) => [0, (most || 1) * 1.05] } },
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "UTC"),
        axes: [{ ...axis, values: (_, marks) => marks.map(formatMark) }, { ...axis, size: 64, values: (_, marks) => marks.map((each) => format(each)) }],
        series: [
          { label: "time", value: (_, time) => (time == null ? "-" : new Date(time * 1000).toISOString().slice(11, 19)) },
          ...lines.map((each) => ({
            label: each.label,
            stroke: color(each.color),
            width: each.dashed ? 1 : 2,
            spanGaps: false,
            points: { show: few },
            ...(each.dashed ? { dash: [6, 4] } : {}),
            value: (_: uPlot, value: number | null) => format(value),
          })),
        ],
      },
      [times, ...lines.map((each) => each.values)],
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 180 }));
    watch.observe(element);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    const redraw = (): void => made.redraw();
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData([times, ...lines.map((each) => each.values)]), [times, lines]);

  const move = (event: KeyboardEvent): void => {
    const made = plot.current;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!made || step === undefined) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(times.length - 1, (made.cursor.idx ?? (step > 0 ? -1 : times.length)) + step));
    made.setCursor({ left: made.valToPos(times[at] ?? 0, "x"), top: 10 });
  };
  const known = (lines[0]?.values ?? []).filter((each): each is number => each != null);
  const words = known.length
    ? `${title}: ${formatCount(known.length, "point")}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}, last ${format(known.at(-1) ?? null)}.`
    : `${title}: nothing was recorded in this time.`;
  return (
    <figure class="chart">
      <figcaption>{words}</figcaption>
      {known.length ? <div ref={box} tabIndex={0} role="application" aria-label={`${title}, chart; left and right move the cursor`} aria-details={id} onKeyDown={move} /> : null}
      <details id={id}>
        <summary>Points as a table</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, points`}>
          <table>
            <thead>
              <tr>
                <th scope="col">time (UTC)</th>
                {lines.map((each) => <th key={each.label} scope="col">{each.label}</th>)}
              </tr>
            </thead>
            <tbody>
              {times.map((time, at) => (
                <tr key={time}>
                  <td>{new Date(time * 1000).toISOString().slice(0, 19).replace("T", " ")}</td>
                  {lines.map((each) => <td key={each.label}>{format(each.values[at] ?? null)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
