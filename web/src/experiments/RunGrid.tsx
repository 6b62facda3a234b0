/** Runs as a grid: the run's own columns stay at the left, pinned runs at the top, and only what is in view is drawn.
 *
 * Called by Leaderboard. Keys: arrows walk, Space chooses a run for comparison, P pins it, Enter opens it.
 */
import { Checkbox } from "@mantine/core";
import { IconBug, IconPin, IconPinFilled } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { fieldOf, type RunColumn, type RunPage, shortId } from "./data";
import css from "./experiments.module.css";
import { STATE } from "./state";
import { isNumeric, pinnedFirst, shownValue } from "./values";

const ROW_PX = 33;
const HEAD_PX = 36;
const RUN_PX = 264;
const RUN_NARROW_PX = 190;
const CHAR_PX = 7.3;
const WIDTH_MIN = 84;
const WIDTH_MAX = 240;
const MEASURED_ROWS = 40;

type Cell = { id: string; header: string; width: number; numeric: boolean; field: string; of?: RunColumn };

export function RunGrid({ page, sort, descending, order, chosen, choose, chooseNone, pinned, pin }: {
  page: RunPage;
  sort: string;
  descending: boolean;
  order: (field: string) => void;
  chosen: string[];
  choose: (run: string) => void;
  chooseNone: () => void;
  pinned: string[];
  pin: (run: string) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const [focused, setFocused] = useState(false);
  const { runs } = page;
  const places = useMemo(() => pinnedFirst(page, pinned), [page, pinned]);
  const held = useMemo(() => new Set(pinned), [pinned]);
  const picked = useMemo(() => new Set(chosen), [chosen]);
  const runPx = window.innerWidth < 1000 ? RUN_NARROW_PX : RUN_PX;

  const cells = useMemo<Cell[]>(() => {
    const own: Cell[] = [
      { id: "status", header: t("experiments.status"), width: 104, numeric: false, field: "attributes.status" },
      { id: "started", header: t("experiments.started"), width: 104, numeric: false, field: "attributes.start_time" },
      { id: "duration", header: t("experiments.duration"), width: 96, numeric: true, field: "attributes.duration" },
      { id: "user", header: t("experiments.user"), width: 104, numeric: false, field: "attributes.user" },
    ];
    const [first, ...rest] = own;
    const columns = page.columns.map((column) => {
      const numeric = isNumeric(column);
      const body = column.values.slice(0, MEASURED_ROWS).reduce<number>((widest, value) => Math.max(widest, shownValue(value, column.kind, format).length), 0);
      const width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, column.name.length * CHAR_PX + 44, body * CHAR_PX + 24));
      return { id: fieldOf(column), header: column.name, width: Math.round(width), numeric, field: fieldOf(column), of: column };
    });
    return [first!, ...columns, ...rest];
  }, [page.columns, t, format]);

  const rowsView = useVirtualizer({ count: places.length, getScrollElement: () => box.current, estimateSize: () => ROW_PX, overscan: 12, scrollPaddingStart: HEAD_PX });
  const columnsView = useVirtualizer({ horizontal: true, count: cells.length, getScrollElement: () => box.current, estimateSize: (index) => cells[index]?.width ?? WIDTH_MIN, overscan: 3, scrollPaddingStart: runPx });
  const measured = useRef(cells);
  if (measured.current !== cells) {
    measured.current = cells;
    columnsView.measure();
  }
  const across = columnsView.getVirtualItems();
  const width = columnsView.getTotalSize() + runPx;
  const here = Math.min(at, places.length - 1);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== box.current) return;
    const step = Math.max(1, Math.floor((box.current?.clientHeight ?? 300) / ROW_PX) - 2);
    const moves: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + step, PageUp: here - step, Home: 0, End: places.length - 1 };
    const run = runs.id[places[here] ?? 0];
    if (event.key in moves) {
      const next = Math.max(0, Math.min(places.length - 1, moves[event.key]!));
      setAt(next);
      rowsView.scrollToIndex(next);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      box.current?.scrollBy({ left: event.key === "ArrowRight" ? 160 : -160 });
    } else if (event.key === " " && run) choose(run);
    else if (event.key.toLowerCase() === "p" && run && !event.ctrlKey && !event.metaKey) pin(run);
    else if (event.key === "Enter" && run) void navigate({ to: "/runs/$id", params: { id: run } });
    else return;
    event.preventDefault();
  };

  return (
    <div
      ref={box}
      className={css.grid}
      style={{ height: `min(${HEAD_PX + ROW_PX * places.length + 16}px, max(420px, calc(100dvh - 290px)))` }}
      role="grid"
      aria-label={t("experiments.tabRuns")}
      aria-rowcount={places.length + 1}
      aria-colcount={cells.length + 1}
      aria-multiselectable
      aria-activedescendant={focused && places.length ? `${id}-${here}` : undefined}
      tabIndex={0}
      title={t("experiments.gridKeys")}
      data-testid="runs-grid"
      onKeyDown={onKeyDown}
      onFocus={(event) => setFocused(event.target === event.currentTarget)}
      onBlur={() => setFocused(false)}
    >
      <div className={css.head} role="row" aria-rowindex={1} style={{ width, height: HEAD_PX }}>
        <div className={css.runHead} role="columnheader" style={{ width: runPx }} aria-sort={sorted("attributes.name")}>
          <Checkbox size="xs" checked={chosen.length > 0} indeterminate={chosen.length > 0} disabled={!chosen.length} onChange={chooseNone} aria-label={t("experiments.chooseNone")} />
          <SortButton field="attributes.name" header={t("experiments.run")} arrow={arrow("attributes.name")} order={order} />
        </div>
        {across.map((item) => {
          const cell = cells[item.index]!;
          return (
            <div key={cell.id} role="columnheader" aria-colindex={item.index + 2} aria-sort={sorted(cell.field)} className={css.headCell} data-numeric={cell.numeric || undefined} data-kind={cell.of?.kind} style={{ left: item.start + runPx, width: item.size }} title={cell.of ? cell.field : cell.header}>
              <SortButton field={cell.field} header={cell.header} arrow={arrow(cell.field)} order={order} />
            </div>
          );
        })}
      </div>
      <div style={{ height: rowsView.getTotalSize(), width, minWidth: "100%", position: "relative" }} role="presentation">
        {rowsView.getVirtualItems().map((line) => {
          const place = places[line.index]!;
          const run = runs.id[place]!;
          const label = runs.name[place] || shortId(run);
          return (
            <div
              key={run}
              id={`${id}-${line.index}`}
              role="row"
              aria-rowindex={line.index + 2}
              aria-selected={picked.has(run)}
              className={css.row}
              data-here={(focused && line.index === here) || undefined}
              data-pinned={held.has(run) || undefined}
              data-testid="run-row"
              data-name={label}
              style={{ transform: `translateY(${line.start}px)`, height: ROW_PX, width }}
              onMouseDown={() => setAt(line.index)}
            >
              <div className={css.runCell} role="gridcell" aria-colindex={1} style={{ width: runPx }}>
                <Checkbox size="xs" checked={picked.has(run)} onChange={() => choose(run)} aria-label={t("experiments.choose", { name: label })} tabIndex={-1} />
                <Link to="/runs/$id" params={{ id: run }} className="cut thing" title={`${label} · ${run}`} tabIndex={-1}>
                  {label}
                </Link>
                {runs.findings[place]?.count ? <FindingsMark run={run} mark={runs.findings[place]} /> : null}
                <button type="button" className={css.pin} aria-pressed={held.has(run)} aria-label={t("experiments.pin", { name: label })} title={t("experiments.pinHint")} tabIndex={-1} onClick={() => pin(run)}>
                  {held.has(run) ? <IconPinFilled size={14} /> : <IconPin size={14} />}
                </button>
              </div>
              {across.map((item) => {
                const cell = cells[item.index]!;
                return (
                  <div key={cell.id} role="gridcell" aria-colindex={item.index + 2} className={css.cell} data-numeric={cell.numeric || undefined} style={{ left: item.start + runPx, width: item.size }}>
                    {cell.of ? <Text value={shownValue(cell.of.values[place], cell.of.kind, format)} full={cell.of.values[place]} /> : ownCell(cell.id, place)}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );

  function sorted(field: string): "ascending" | "descending" | "none" {
    return field !== sort ? "none" : descending ? "descending" : "ascending";
  }

  function arrow(field: string): string {
    return field !== sort ? "" : descending ? "↓" : "↑";
  }

  function ownCell(column: string, place: number) {
    const [started, ended] = [runs.started_at_ms[place], runs.ended_at_ms[place]];
    switch (column) {
      case "status":
        return <StatusWord state={STATE[runs.status[place]!]} quiet />;
      case "started":
        return <When atMs={started} missing="–" />;
      case "duration":
        return started != null && ended != null ? format.duration(Math.max(0, ended - started)) : "";
      default:
        return runs.user[place] ?? "";
    }
  }
}

/** The training debugger found something: how much, and the way there. */
function FindingsMark({ run, mark }: { run: string; mark: NonNullable<RunPage["runs"]["findings"][number]> }) {
  const { t } = useTranslation();
  const said = t("debugger.mark", { count: mark.count, n: mark.count });
  return (
    <Link to="/runs/$id" params={{ id: run }} search={{ tab: "debugger" }} className={css.mark} data-worst={mark.worst} title={said} aria-label={said} tabIndex={-1} data-testid="run-findings">
      <IconBug size={14} aria-hidden /> {mark.count}
    </Link>
  );
}

function SortButton({ field, header, arrow, order }: { field: string; header: string; arrow: string; order: (field: string) => void }) {
  return (
    <button type="button" className={css.sort} onClick={() => order(field)} data-testid={`sort-${field}`} tabIndex={-1}>
      <span className="cut">{header}</span>
      <small aria-hidden>{arrow}</small>
    </button>
  );
}

function Text({ value, full }: { value: string; full: unknown }) {
  return <span title={full == null ? undefined : String(full)}>{value}</span>;
}
