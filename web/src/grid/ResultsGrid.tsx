/** Rows of a result: a hundred thousand of them scroll smoothly; cells are walked by keyboard and copied as they are.
 *
 * Called by SQL, tables, queries and dashboards. Only what is in view is drawn.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type PointerEvent, useCallback, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Column } from "../api/client";
import { useFormat } from "../i18n/format";
import { cellText, isNumeric, localTime, numberOf } from "./cell";
import css from "./grid.module.css";

const ROW_PX = 29;
const HEAD_PX = 34;
const WIDTH_MIN = 70;
const WIDTH_FIRST_MAX = 340;
const CHAR_PX = 7.4;
// The widths come from what the first rows hold.
const MEASURED_ROWS = 60;
// A cell shows this much; copying gives all of it.
const SHOWN_CHARS = 400;

type Place = { row: number; column: number };
type Order = { column: number; down: boolean } | null;

export function ResultsGrid({ columns, rows, label, height, numbered = true }: {
  columns: Column[];
  rows: unknown[][];
  label: string;
  height: number | string;
  numbered?: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<Place>({ row: 0, column: 0 });
  const [from, setFrom] = useState<Place | null>(null);
  const [focused, setFocused] = useState(false);
  const [order, setOrder] = useState<Order>(null);
  const shape = columns.map((column) => `${column.name} ${column.type}`).join();
  const [resized, setResized] = useState<{ shape: string; widths: Record<number, number> }>({ shape, widths: {} });

  const sorted = useMemo(() => sort(rows, columns, order, format.collator), [rows, columns, order, format]);
  const first = useMemo(() => firstWidths(columns, rows), [columns, rows]);
  const widths = useMemo(
    () => first.map((width, index) => (resized.shape === shape ? (resized.widths[index] ?? width) : width)),
    [first, resized, shape],
  );
  const gutter = numbered ? Math.max(44, String(rows.length).length * 8 + 20) : 0;

  const rowsView = useVirtualizer({ count: sorted.length, getScrollElement: () => box.current, estimateSize: () => ROW_PX, overscan: 14, scrollPaddingStart: HEAD_PX });
  const columnsView = useVirtualizer({ horizontal: true, count: columns.length, getScrollElement: () => box.current, estimateSize: (index) => widths[index] ?? WIDTH_MIN, overscan: 3, scrollPaddingStart: gutter });
  const measured = useRef(widths);
  if (measured.current !== widths) {
    measured.current = widths;
    columnsView.measure();
  }
  const across = columnsView.getVirtualItems();
  const width = columnsView.getTotalSize();

  const area = from ?? at;
  const chosen = (row: number, column: number) =>
    row >= Math.min(at.row, area.row) && row <= Math.max(at.row, area.row) && column >= Math.min(at.column, area.column) && column <= Math.max(at.column, area.column);

  const go = (next: Place, extend: boolean) => {
    const place = { row: clamp(next.row, sorted.length - 1), column: clamp(next.column, columns.length - 1) };
    setFrom(extend ? (from ?? at) : null);
    setAt(place);
    rowsView.scrollToIndex(place.row);
    columnsView.scrollToIndex(place.column);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 300) / ROW_PX) - 2);
    const far = event.ctrlKey || event.metaKey;
    const steps: Record<string, Place> = {
      ArrowDown: { row: far ? Infinity : at.row + 1, column: at.column },
      ArrowUp: { row: far ? 0 : at.row - 1, column: at.column },
      ArrowRight: { row: at.row, column: far ? Infinity : at.column + 1 },
      ArrowLeft: { row: at.row, column: far ? 0 : at.column - 1 },
      PageDown: { row: at.row + page, column: at.column },
      PageUp: { row: at.row - page, column: at.column },
      Home: { row: far ? 0 : at.row, column: 0 },
      End: { row: far ? Infinity : at.row, column: Infinity },
    };
    const next = steps[event.key];
    if (next) {
      event.preventDefault();
      go(next, event.shiftKey);
    } else if (far && event.key === "a") {
      event.preventDefault();
      setFrom({ row: 0, column: 0 });
      setAt({ row: sorted.length - 1, column: columns.length - 1 });
    }
  };

  const copied = useCallback(() => {
    const [top, bottom] = [Math.min(at.row, area.row), Math.max(at.row, area.row)];
    const [left, right] = [Math.min(at.column, area.column), Math.max(at.column, area.column)];
    return sorted
      .slice(top, bottom + 1)
      .map((row) => row.slice(left, right + 1).map(cellText).map((text) => (top === bottom && left === right ? text : text.replace(/[\t\r\n]+/g, " "))).join("\t"))
      .join("\n");
  }, [at, area, sorted]);

  return (
    <div
      ref={box}
      className={css.grid}
      style={{ height: typeof height === "number" ? Math.min(height, HEAD_PX + ROW_PX * rows.length + 14) : height }}
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-multiselectable
      aria-activedescendant={focused && sorted.length ? `${id}-${at.row}-${at.column}` : undefined}
      tabIndex={0}
      data-testid="grid"
      onKeyDown={onKeyDown}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
      onCopy={(event) => {
        if (window.getSelection()?.toString()) return;
        event.clipboardData.setData("text/plain", copied());
        event.preventDefault();
      }}
    >
      <div className={css.head} role="row" aria-rowindex={1} style={{ width: width + gutter, height: HEAD_PX }}>
        {numbered ? <div className={css.gutter} style={{ width: gutter }} role="presentation" /> : null}
        {across.map((item) => {
          const column = columns[item.index]!;
          const here = order?.column === item.index ? (order.down ? "descending" : "ascending") : "none";
          return (
            <div
              key={item.key}
              role="columnheader"
              aria-colindex={item.index + 1}
              aria-sort={here}
              className={css.headCell}
              data-numeric={isNumeric(column) || undefined}
              style={{ left: item.start + gutter, width: item.size }}
              title={`${column.name} · ${column.type}`}
              onClick={() => setOrder(order?.column !== item.index ? { column: item.index, down: false } : order.down ? null : { column: item.index, down: true })}
            >
              <span>{column.name}</span>
              <small>{here === "none" ? column.type.toLowerCase() : here === "ascending" ? "↑" : "↓"}</small>
              <Grip width={item.size} resize={(next) => setResized((old) => ({ shape, widths: { ...(old.shape === shape ? old.widths : {}), [item.index]: next } }))} />
            </div>
          );
        })}
      </div>
      <div style={{ height: rowsView.getTotalSize(), width: width + gutter, position: "relative" }} role="presentation">
        {rowsView.getVirtualItems().map((line) => {
          const row = sorted[line.index]!;
          return (
            <div key={line.key} role="row" aria-rowindex={line.index + 2} className={css.row} style={{ transform: `translateY(${line.start}px)`, height: ROW_PX, width: width + gutter }}>
              {numbered ? (
                <div className={css.gutter} style={{ width: gutter }} role="presentation">
                  {format.whole(line.index + 1)}
                </div>
              ) : null}
              {across.map((item) => {
                const column = columns[item.index]!;
                const value = row[item.index];
                const isNull = value === null || value === undefined;
                const text = isNull ? t("sql.null") : shown(value, column);
                const selected = focused && chosen(line.index, item.index);
                return (
                  <div
                    key={item.key}
                    id={`${id}-${line.index}-${item.index}`}
                    role="gridcell"
                    aria-colindex={item.index + 1}
                    aria-selected={selected}
                    className={css.cell}
                    data-null={isNull || undefined}
                    data-numeric={isNumeric(column) || undefined}
                    data-here={(focused && at.row === line.index && at.column === item.index) || undefined}
                    style={{ left: item.start + gutter, width: item.size }}
                    title={text.length * CHAR_PX > item.size - 20 ? text : undefined}
                    onMouseDown={(event) => {
                      if (event.shiftKey) event.preventDefault();
                      setFrom(event.shiftKey ? area : null);
                      setAt({ row: line.index, column: item.index });
                    }}
                  >
                    {text}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** The edge of a column's head, to drag. */
function Grip({ width, resize }: { width: number; resize: (width: number) => void }) {
  const start = useRef<{ x: number; width: number } | null>(null);
  const onPointerDown = (event: PointerEvent) => {
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    start.current = { x: event.clientX, width };
  };
  return (
    <i
      className={css.grip}
      aria-hidden
      onClick={(event) => event.stopPropagation()}
      onPointerDown={onPointerDown}
      onPointerMove={(event) => {
        if (start.current) resize(Math.max(WIDTH_MIN, start.current.width + event.clientX - start.current.x));
      }}
      onPointerUp={() => {
        start.current = null;
      }}
    />
  );
}

function shown(value: unknown, column: Column): string {
  // An instant is shown in the reader's zone; a time without a zone as it is written.
  if (typeof value === "string" && column.type.startsWith("TIMESTAMP")) {
    const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(value);
    return (zoned ? localTime(value) : value.replace("T", " ")).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  }
  const text = cellText(value);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}

function firstWidths(columns: Column[], rows: unknown[][]): number[] {
  return columns.map((column, index) => {
    const head = column.name.length * CHAR_PX + Math.min(column.type.length, 12) * 6 + 34;
    const body = rows.slice(0, MEASURED_ROWS).reduce((widest, row) => Math.max(widest, wide(shown(row[index] ?? "null", column)) * CHAR_PX + 26), 0);
    return Math.round(Math.min(WIDTH_FIRST_MAX, Math.max(WIDTH_MIN, head, body)));
  });
}

/** Length in columns of text: Hangul is nearly twice as wide. */
function wide(text: string): number {
  let length = 0;
  for (const char of text.slice(0, 60)) length += char >= "\u1100" ? 1.7 : 1;
  return length;
}

function sort(rows: unknown[][], columns: Column[], order: Order, collator: Intl.Collator): unknown[][] {
  const column = order && columns[order.column];
  if (!order || !column) return rows;
  const sign = order.down ? -1 : 1;
  const numeric = isNumeric(column);
  return [...rows].sort((left, right) => {
    const a = left[order.column];
    const b = right[order.column];
    // Nulls come last, whichever way.
    if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
    return sign * (numeric ? (numberOf(a) ?? 0) - (numberOf(b) ?? 0) : collator.compare(cellText(a), cellText(b)));
  });
}

function clamp(value: number, last: number): number {
  return Math.max(0, Math.min(last, value));
}
