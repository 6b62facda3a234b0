/** Columns of a stream, table or query: name, type, null. */
import { Badge } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Column } from "../api/client";
import { SmallTable } from "./SmallTable";

export function ColumnTable({ columns, empty, marked = [], mark, bare }: {
  columns: Column[] | undefined;
  empty: ReactNode;
  marked?: string[];
  mark?: string;
  bare?: boolean;
}) {
  const { t } = useTranslation();
  return (
    <SmallTable
      bare={bare}
      label={t("tables.tabColumns")}
      rows={columns}
      rowKey={(column) => column.name}
      empty={empty}
      columns={[
        {
          id: "name",
          header: t("tables.column"),
          cell: (column) => (
            <>
              <b>{column.name}</b>
              {marked.includes(column.name) ? (
                <Badge size="sm" ml={8}>
                  {mark}
                </Badge>
              ) : null}
            </>
          ),
        },
        { id: "type", header: t("tables.type"), cell: (column) => <span className="mono">{column.type}</span> },
        { id: "null", header: t("tables.nullable"), cell: (column) => (column.nullable === false ? t("list.no") : t("list.yes")) },
      ]}
    />
  );
}
