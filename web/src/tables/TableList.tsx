/** All Delta tables that the reader may see. */
import { IconDatabase } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { listTables } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { StatusWord } from "../page/StatusWord";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { tablesQuery } from "./data";

const MAKE = "CREATE TABLE main.measurements (\n  device VARCHAR,\n  ts TIMESTAMP,\n  temperature DOUBLE\n)";

export function TableList() {
  const { t } = useTranslation();
  const format = useFormat();
  const tables = useQuery(tablesQuery);
  return (
    <>
      <PageHeader
        title={t("tables.title")}
        actions={
          <>
            <CopyAsCode recipes={listTables()} />
            <LinkButton to="/sql" data-testid="table-sql">
              {t("tables.create")}
            </LinkButton>
          </>
        }
      />
      <ThingList
        label={t("tables.title")}
        rows={tables.data}
        error={tables.error}
        retry={() => void tables.refetch()}
        rowKey={(table) => table.name}
        searchText={(table) => `${table.name} ${table.comment ?? ""} ${table.owner}`}
        empty={
          <EmptyState icon={<IconDatabase size={40} stroke={1.3} />} title={t("tables.emptyTitle")} text={t("tables.emptyText")}>
            <LinkButton to="/sql" search={{ query: MAKE }}>
              {t("tables.create")}
            </LinkButton>
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (table) => table.name,
            cell: (table) => (
              <span style={{ display: "flex", gap: 8, alignItems: "center" }}>
                <Link to="/tables/$name" params={{ name: table.name }} className="cut thing" title={table.name} data-row-link>
                  {table.name}
                </Link>
                {table.problem ? <StatusWord state="broken" /> : null}
              </span>
            ),
          },
          { id: "comment", header: t("tables.comment"), wideOnly: true, cell: (table) => <span title={table.comment ?? undefined}>{table.comment ?? ""}</span> },
          { id: "rows", header: t("tables.rows"), numeric: true, width: 110, order: (table) => table.rows, cell: (table) => (table.rows === null ? "–" : format.compact(table.rows)) },
          { id: "bytes", header: t("tables.size"), numeric: true, width: 100, order: (table) => table.bytes, cell: (table) => (table.bytes === null ? "–" : format.bytes(table.bytes)) },
          { id: "version", header: t("tables.version"), numeric: true, width: 96, wideOnly: true, order: (table) => table.version, cell: (table) => (table.version === null ? "–" : format.whole(table.version)) },
          { id: "updated", header: t("tables.updated"), width: 120, order: (table) => table.updated_at_ms, cell: (table) => <When atMs={table.updated_at_ms} missing="–" /> },
          { id: "owner", header: t("list.owner"), width: 120, wideOnly: true, order: (table) => table.owner, cell: (table) => table.owner },
        ]}
      />
    </>
  );
}
