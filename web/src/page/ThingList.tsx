/** A list of named things: filter and order in the address, thousands of rows, and every state designed.
 *
 * Called by each noun's list page. Rows beyond the window are not drawn, so 10,000 rows scroll as 10 do.
 */
import { Button, Skeleton, TextInput, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconSearch } from "@tabler/icons-react";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useDeferredValue, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import css from "./list.module.css";
import { ProblemCard } from "./ProblemCard";

export type ListColumn<T> = {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** what it is ordered by; without it the column cannot be ordered */ order?: (row: T) => string | number | null;
  numeric?: boolean;
  /** in pixels; without it the column shares what is left */ width?: number;
  /** leave the column out on narrow screens */ wideOnly?: boolean;
};

const ROW_PX = 41;
// Below this everything is drawn: find-in-page and tests see all rows.
const DRAWN_MAX = 150;

export function ThingList<T>({ rows, error, retry, columns, rowKey, searchText, empty, label, firstOrder, filterLabel, toolbar }: {
  rows: T[] | undefined;
  error?: unknown;
  retry?: () => void;
  columns: ListColumn<T>[];
  rowKey: (row: T) => string;
  searchText: (row: T) => string;
  empty: ReactNode;
  label: string;
  firstOrder?: { id: string; dir: "asc" | "desc" };
  filterLabel?: string;
  toolbar?: ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const [q = "", setQ] = useUrlState("q");
  const [sort] = useUrlState("sort");
  const [dir] = useUrlState("dir");
  const order = sort ? { id: sort, dir: dir ?? "asc" } : (firstOrder ?? { id: columns[0]!.id, dir: "asc" as const });
  const needle = useDeferredValue(q).trim().toLowerCase();

  const shown = useMemo(() => {
    const found = needle ? (rows ?? []).filter((row) => searchText(row).toLowerCase().includes(needle)) : [...(rows ?? [])];
    const by = columns.find((column) => column.id === order.id)?.order;
    if (!by) return found;
    const sign = order.dir === "desc" ? -1 : 1;
    return found.sort((left, right) => {
      const a = by(left);
      const b = by(right);
      if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
      return sign * (typeof a === "string" || typeof b === "string" ? format.collator.compare(String(a), String(b)) : a - b);
    });
    // `columns` and `searchText` are made anew on every draw of the page; what they do does not change.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [rows, needle, order.id, order.dir, format]);

  if (error && !rows) return <ProblemCard error={error} retry={retry} />;
  if (rows?.length === 0) return <>{empty}</>;

  return (
    <div className={css.list}>
      <div className={css.toolbar}>
        <TextInput
          className={css.filter}
          size="xs"
          type="search"
          leftSection={<IconSearch size={15} />}
          placeholder={filterLabel ?? t("list.filter")}
          aria-label={filterLabel ?? t("list.filter")}
          value={q}
          onChange={(event) => setQ(event.currentTarget.value)}
          data-testid="list-filter"
        />
        <span className={css.count} role="status">
          {rows
            ? needle
              ? t("list.of", { shown: format.whole(shown.length), all: format.whole(rows.length) })
              : t("list.count", { count: rows.length, n: format.whole(rows.length) })
            : null}
        </span>
        {toolbar}
      </div>
      {rows && shown.length === 0 ? (
        <div className={css.noMatch}>
          <p>{t("list.noMatch", { q })}</p>
          <Button variant="default" size="xs" onClick={() => setQ(undefined)}>
            {t("list.clear")}
          </Button>
        </div>
      ) : (
        <Rows rows={rows ? shown : undefined} columns={columns} rowKey={rowKey} label={label} order={order} />
      )}
    </div>
  );
}

function Rows<T>({ rows, columns, rowKey, label, order }: {
  rows: T[] | undefined;
  columns: ListColumn<T>[];
  rowKey: (row: T) => string;
  label: string;
  order: { id: string; dir: "asc" | "desc" };
}) {
  const { t } = useTranslation();
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  const many = (rows?.length ?? 0) > DRAWN_MAX;
  useLayoutEffect(() => {
    if (many) setTop((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
  }, [many]);
  const virtual = useWindowVirtualizer({
    count: many ? (rows?.length ?? 0) : 0,
    estimateSize: () => ROW_PX,
    overscan: 20,
    scrollMargin: top,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = (items.at(-1)?.index ?? -1) + 1;
  const drawn = many ? rows!.slice(first, last) : (rows ?? []);

  return (
    <div className={css.frame}>
      <table className={css.table} aria-label={label} aria-rowcount={rows ? rows.length + 1 : -1} aria-busy={!rows}>
        <colgroup>
          {columns.map((column) => (
            <col key={column.id} className={column.wideOnly ? css.wideOnly : undefined} style={{ width: column.width }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.id} column={column} order={order} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {many ? <tr aria-hidden style={{ height: first * ROW_PX }} className={css.spacer} /> : null}
          {rows
            ? drawn.map((row, index) => (
                <tr key={rowKey(row)} aria-rowindex={(many ? first : 0) + index + 2} className={css.row} data-testid="list-row" data-name={rowKey(row)}>
                  {columns.map((column) => (
                    <td key={column.id} className={column.wideOnly ? css.wideOnly : undefined} data-numeric={column.numeric || undefined}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
              ))
            : Array.from({ length: 6 }, (_, index) => (
                <tr key={index} className={css.row}>
                  {columns.map((column, place) => (
                    <td key={column.id} className={column.wideOnly ? css.wideOnly : undefined} data-numeric={column.numeric || undefined}>
                      <Skeleton height={12} width={place === 0 ? `${40 + ((index * 17) % 35)}%` : "55%"} display="inline-block" />
                    </td>
                  ))}
                </tr>
              ))}
          {many ? <tr aria-hidden style={{ height: (rows!.length - last) * ROW_PX }} className={css.spacer} /> : null}
        </tbody>
      </table>
      {rows ? null : <span className="unseen">{t("list.loading")}</span>}
    </div>
  );
}

function Head<T>({ column, order }: { column: ListColumn<T>; order: { id: string; dir: "asc" | "desc" } }) {
  const { t } = useTranslation();
  const patchUrl = useUrlPatch();
  const here = order.id === column.id;
  const className = column.wideOnly ? css.wideOnly : undefined;
  if (!column.order) {
    return (
      <th scope="col" className={className} data-numeric={column.numeric || undefined}>
        {column.header || <span className="unseen">{t("act.more")}</span>}
      </th>
    );
  }
  const Arrow = order.dir === "asc" ? IconArrowUp : IconArrowDown;
  return (
    <th scope="col" className={className} data-numeric={column.numeric || undefined} aria-sort={here ? (order.dir === "asc" ? "ascending" : "descending") : "none"}>
      <UnstyledButton
        className={css.sort}
        title={t("list.sortBy", { column: column.header })}
        onClick={() => {
          // Numbers are looked at from the largest: that is what a first press gives.
          const next = here ? (order.dir === "asc" ? "desc" : "asc") : column.numeric ? "desc" : "asc";
          patchUrl({ sort: column.id, dir: next });
        }}
      >
        <span className="cut">{column.header}</span>
        <Arrow size={13} className={css.arrow} data-here={here || undefined} aria-hidden />
      </UnstyledButton>
    </th>
  );
}
