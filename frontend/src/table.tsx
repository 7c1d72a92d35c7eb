// A table that holds elements for the visible rows alone: 10,000 rows cost as much as 40.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { sortRows } from "./order";

export interface Column<Item> {
  key: string;
  title: string;
  cell: (item: Item) => ComponentChildren;
  value?: (item: Item) => number | string | null; // what it is sorted by
  number?: boolean;
  wide?: boolean; // left out on narrow screens
  width: string;
}

const ROW = 32; // pixels, as in the style sheet
const SPARE = 6;

export function Table<Item>(props: {
  label: string;
  items: Item[];
  columns: Column<Item>[];
  id: (item: Item) => string;
  href: (item: Item) => string;
  sort: string;
  onSort: (sort: string) => void;
  onShown?: (items: Item[]) => void;
}): JSX.Element {
  const { items, columns, sort } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [focus, setFocus] = useState(0);
  const [narrow, setNarrow] = useState(window.innerWidth < 700);
  const shownColumns = narrow ? columns.filter((each) => !each.wide) : columns;
  const descending = sort.startsWith("-");
  const sorted = useMemo(() => {
    const column = columns.find((each) => each.key === sort.replace("-", ""));
    return column?.value ? sortRows(items, column.value, descending) : items;
  }, [items, sort]);
  useEffect(() => {
    const measure = (): void => {
      setHeight(box.current?.clientHeight || 600);
      setNarrow(window.innerWidth < 700);
    };
    measure();
    window.addEventListener("resize", measure);
    return () => window.removeEventListener("resize", measure);
  }, [items.length]);
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const shown = sorted.slice(first, first + Math.ceil(height / ROW) + 2 * SPARE);
  const names = shown.map(props.id).join("\n");
  useEffect(() => props.onShown?.(shown), [names]);

  const move = (event: KeyboardEvent): void => {
    const page = Math.floor(height / ROW) - 2;
    const steps: Record<string, number> = {
      ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -items.length, End: items.length,
    };
    const step = steps[event.key];
    if (event.key === "Enter") {
      const item = sorted[focus];
      if (item !== undefined) window.location.hash = props.href(item);
    }
    if (step === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(items.length - 1, focus + step));
    setFocus(next);
    const element = box.current;
    if (!element) return;
    if (next * ROW < element.scrollTop) element.scrollTop = next * ROW;
    if ((next + 2) * ROW > element.scrollTop + height) element.scrollTop = (next + 2) * ROW - height;
  };
  const columnsStyle = { gridTemplateColumns: shownColumns.map((each) => each.width).join(" ") };
  return (
    <div
      class="table" role="grid" aria-label={props.label} aria-rowcount={sorted.length + 1} aria-colcount={shownColumns.length}
      aria-activedescendant={shown.length ? `row-${focus}` : undefined}
      style={{ height: `min(70vh, ${(sorted.length + 1) * ROW + 18}px)` }}
      tabIndex={0} ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={move}
    >
      <div class="head" role="row" aria-rowindex={1} style={columnsStyle}>
        {shownColumns.map((each) => {
          const on = sort.replace("-", "") === each.key;
          return (
            <div key={each.key} role="columnheader" class={each.number ? "number" : ""} aria-sort={on ? (descending ? "descending" : "ascending") : "none"}>
              {each.value ? (
                <button type="button" onClick={() => props.onSort(on === descending && (on || !each.number) ? each.key : `-${each.key}`)}>
                  {each.title}
                  {on ? (descending ? " ↓" : " ↑") : ""}
                </button>
              ) : each.title}
            </div>
          );
        })}
      </div>
      <div class="rows" role="rowgroup" style={{ height: `${sorted.length * ROW}px` }}>
        {shown.map((item, at) => (
          <div
            key={props.id(item)} id={`row-${first + at}`} role="row" aria-rowindex={first + at + 2}
            class={first + at === focus ? "row focus" : "row"} style={{ ...columnsStyle, top: `${(first + at) * ROW}px` }}
          >
            {shownColumns.map((each) => (
              <div key={each.key} role="gridcell" class={each.number ? "number" : ""}>{each.cell(item)}</div>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
