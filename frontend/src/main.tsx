// The page: what stays on every screen, and which screen the fragment asks for.
import { render, type JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { AboutPage } from "./about";
import { query, useAnswer, type List, type Status, type Vitals } from "./api";
import { KINDS, type Kind } from "./columns";
import { formatAge, formatTime } from "./format";
import { DoctorPage } from "./doctor";
import { Rows } from "./lists";
import { useLive, useNow } from "./live";
import { ObjectPage } from "./object";
import { Overview } from "./overview";
import type { PageProps } from "./pages";
import { ProblemsPage } from "./problems";
import { formatRoute, parseRoute } from "./route";

const TABS = ["overview", "problems", "nodes", "namespaces", "workloads", "pods", "doctor", "about"];
const LETTERS: Record<string, string> = { o: "", p: "pods", n: "nodes", s: "namespaces", w: "workloads", r: "problems", d: "doctor", a: "about" };
const RANGES = ["15m", "1h", "6h", "24h", "7d"];
const STALE_INTERVALS = 3;
/** Pages whose own first line is their heading. */
const HEADED = new Set(["overview", "doctor"]);

function Page(): JSX.Element {
  const [route, setRoute] = useState(() => parseRoute(window.location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(window.location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  const { path, params } = route;
  const at = params.get("at");
  const wall = params.has("wall") || new URLSearchParams(window.location.search).has("wall");
  const live = useLive(at !== null);
  const now = useNow(at);
  const status = useAnswer<Status>("api/v1/status", live.turn);
  const vitals = useAnswer<List<Vitals>>(query("api/v1/vitals", { cluster: params.get("cluster"), at }), live.turn);
  const clusters = status.data?.clusters ?? [];
  const cluster = params.get("cluster") ?? clusters[0]?.cluster ?? "";
  const current = clusters.find((each) => each.cluster === cluster);
  const names = useAnswer<string[]>(query("api/v1/names/namespaces", { cluster: params.get("cluster") }), live.turn);
  const critical = vitals.data?.items[0]?.problems_critical;
  useNews(critical ?? null, cluster);
  useEffect(() => {
    document.body.classList.toggle("wall", wall);
  }, [wall]);
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  useKeys(params, search, () => setHelp((before) => !before), () => setHelp(false));

  const go = (given: Record<string, string | null>): void => {
    window.location.hash = formatRoute(path, new URLSearchParams([...params].filter(([key]) => key !== "filter")), { filter: params.get("filter"), ...given });
  };
  const taken = vitals.data?.generated_at ?? null;
  const age = taken ? (now - Date.parse(taken)) / 1000 : null;
  const interval = current?.interval_seconds ?? 15;
  const late = at === null && (status.error !== null || (age !== null && age > interval * STALE_INTERVALS));
  const props: PageProps = { path, params, turn: live.turn, now };
  return (
    <>
      <a class="hidden focusable" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>To the content</a>
      <header>
        <a class="brand" href={formatRoute([], params)}>kubevitals</a>
        {wall ? <strong>{cluster}</strong> : (
          <>
            {clusters.length > 1 ? (
              <label>Cluster <select value={cluster} onChange={(event) => go({ cluster: event.currentTarget.value, ns: null })}>
                {clusters.map((each) => <option key={each.cluster} value={each.cluster}>{each.cluster}</option>)}
              </select></label>
            ) : <strong>{cluster}</strong>}
            <label>Namespace <select value={params.get("ns") ?? ""} onChange={(event) => go({ ns: event.currentTarget.value })}>
              <option value="">all</option>
              {[...new Set([...(names.data ?? []), ...(params.get("ns") ? [params.get("ns") ?? ""] : [])])].map((each) => <option key={each} value={each}>{each}</option>)}
            </select></label>
            <form role="search" onSubmit={(event) => { event.preventDefault(); go({ filter: search.current?.value ?? "" }); }}>
              <input ref={search} type="search" aria-label="Filter" placeholder="Filter: ns:shop cpu>80%" key={params.get("filter") ?? ""} defaultValue={params.get("filter") ?? ""} maxLength={500} spellcheck={false} />
            </form>
            <label>Range <select value={params.get("range") ?? "1h"} onChange={(event) => go({ range: event.currentTarget.value })}>
              {RANGES.map((each) => <option key={each} value={each}>{each}</option>)}
            </select></label>
            <label>At <input type="datetime-local" aria-label="A moment in the past, UTC" title="UTC" value={at ? at.slice(0, 16) : ""}
              onChange={(event) => go({ at: event.currentTarget.value ? `${event.currentTarget.value}:00Z` : null })} /></label>
          </>
        )}
        <span class={`live ${at || (age === null && !late) ? "past" : late ? "late" : ""}`} role="status">
          {at ? <>PAST {formatTime(at)} <button type="button" class="small" onClick={() => go({ at: null })}>Live</button></>
            : age === null ? "no data yet" : `${late ? "STALE" : "LIVE"} ${formatAge(age)} old, ${vitals.data?.source ?? ""}`}
        </span>
      </header>
      {late ? (
        <p class="banner" role="alert">
          {status.error ? `The service does not answer: ${status.error.message}. ` : "The service gets no new data. "}
          {taken ? `What is shown is from ${formatTime(taken)}. ` : ""}{current?.problems[0]?.message ?? ""} It goes on by itself.
        </p>
      ) : null}
      {wall ? null : (
        <nav aria-label="Pages">
          {TABS.map((each) => {
            const target = each === "overview" ? [] : [each];
            return <a key={each} href={formatRoute(target, params)} aria-current={(path[0] ?? "overview") === each ? "page" : undefined}>{each}</a>;
          })}
        </nav>
      )}
      <main id="main" tabIndex={-1}>
        {HEADED.has(path[0] ?? "overview") ? null : <h1 class="hidden">{path.join(" ")}</h1>}
        {choose(props)}
      </main>
      {help ? <Help close={() => setHelp(false)} /> : null}
    </>
  );
}

function choose(props: PageProps): JSX.Element {
  const [first, ...rest] = props.path;
  if (first === undefined || first === "overview") return <Overview {...props} controls />;
  if (first === "problems") return <ProblemsPage {...props} />;
  if (first === "doctor") return <DoctorPage {...props} />;
  if (first === "about") return <AboutPage {...props} />;
  if (rest.length > 0 && (first === "containers" || KINDS.includes(first as Kind))) return <ObjectPage key={props.path.join("/")} {...props} />;
  if (KINDS.includes(first as Kind)) return <Rows key={first} {...props} kind={first as Kind} title={first.charAt(0).toUpperCase() + first.slice(1)} />;
  return <section class="pane"><h2>There is no page {props.path.join("/")}</h2><a href={formatRoute([], props.params)}>To the overview</a></section>;
}

/** The title counts what is critical, and a live region tells of new ones alone. */
function useNews(critical: number | null, cluster: string): void {
  const before = useRef<number | null>(null);
  const region = useMemo(() => {
    const made = document.createElement("div");
    made.className = "hidden";
    made.setAttribute("aria-live", "assertive");
    document.body.append(made);
    return made;
  }, []);
  useEffect(() => {
    document.title = critical == null ? "kubevitals" : critical > 0 ? `${critical} critical ${cluster}` : `${cluster} - kubevitals`;
    if (critical != null && before.current != null && critical > before.current) region.textContent = `${critical} critical problems now, ${before.current} before`;
    before.current = critical;
  }, [critical, cluster]);
}

function useKeys(params: URLSearchParams, search: { current: HTMLInputElement | null }, toggle: () => void, close: () => void): void {
  useEffect(() => {
    let pending = false;
    const press = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.key === "Escape") {
        close();
        target.blur();
      }
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = pending ? LETTERS[event.key] : undefined;
      pending = event.key === "g" && !pending;
      if (page !== undefined) window.location.hash = formatRoute(page ? [page] : [], params);
      else if (event.key === "/") {
        event.preventDefault();
        search.current?.focus();
      } else if (event.key === "?") toggle();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [params]);
}

function Help({ close }: { close: () => void }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  const keys = [["/", "filter"], ["g o", "overview"], ["g r", "problems"], ["g n", "nodes"], ["g s", "namespaces"], ["g w", "workloads"], ["g p", "pods"], ["g d", "doctor"], ["g a", "about"], ["j k ↓ ↑", "rows of a table"], ["Enter", "open the row"], ["← →", "cursor of a chart"], ["Esc", "close"]];
  return (
    <dialog ref={box} onClose={close} aria-labelledby="help">
      <h2 id="help">Keys</h2>
      <dl class="keys">{keys.map(([key, words]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{words}</dd></div>)}</dl>
      <button type="button" onClick={close}>Close</button>
    </dialog>
  );
}

const root = document.getElementById("page");
if (root) {
  root.replaceChildren();
  render(<Page />, root);
}
