/** A plain table for short lists inside a page (shards, columns, tokens); the lists of things use ThingList. */
import { Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import css from "./small.module.css";

export type SmallColumn<T> = {
  id: string;
  header: ReactNode;
  cell: (row: T) => ReactNode;
  numeric?: boolean;
  /** right edge, for buttons */ end?: boolean;
  width?: number | string;
};

export function SmallTable<T>({ rows, columns, rowKey, label, empty, bare = false }: {
  rows: T[] | undefined;
  columns: SmallColumn<T>[];
  rowKey: (row: T) => string;
  label: string;
  empty: ReactNode;
  /** no frame: inside a Panel */ bare?: boolean;
}) {
  const { t } = useTranslation();
  if (rows?.length === 0) return <div className={bare ? undefined : css.frame}>{empty}</div>;
  return (
    <div className={css.frame} data-bare={bare || undefined} tabIndex={0} role={bare ? "group" : "region"} aria-label={label}>
      <table className={css.table} aria-busy={!rows}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.id} scope="col" data-numeric={column.numeric || column.end || undefined} style={{ width: column.width }}>
                {column.header || <span className="unseen">{t("act.more")}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(rows ?? Array.from({ length: 3 }, () => undefined)).map((row, index) => (
            <tr key={row ? rowKey(row) : index}>
              {columns.map((column) => (
                <td key={column.id} data-numeric={column.numeric || column.end || undefined}>
                  {row ? column.cell(row) : <Skeleton height={12} width="60%" />}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
