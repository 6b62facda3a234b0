/** Where a table is, what is set on it, and what writes to it. */
import { Skeleton } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Copy } from "../code/CodeBlock";
import { useFormat } from "../i18n/format";
import { Facts } from "../page/Facts";
import { Panel } from "../page/Panel";
import type { TableDetail } from "./data";
import css from "./tables.module.css";

export function TableAbout({ table }: { table: TableDetail | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (!table) return <Skeleton height={220} />;
  const properties = Object.entries(table.properties);
  return (
    <Panel>
      <Facts
        facts={[
          {
            label: t("tables.location"),
            value: (
              <span className={css.location}>
                <span className="mono">{table.location}</span> <Copy text={table.location} />
              </span>
            ),
          },
          {
            label: t("tables.writtenBy"),
            value: table.written_by.length
              ? table.written_by.map((query) => (
                  <div key={query}>
                    <Link to="/queries/$name" params={{ name: query }}>
                      {query}
                    </Link>
                  </div>
                ))
              : t("tables.noWriter"),
          },
          { label: t("tables.partitions"), value: table.partition_columns.join(", ") || t("list.none") },
          { label: t("tables.files"), value: table.files === null ? "–" : format.whole(table.files) },
          {
            label: t("tables.properties"),
            value: properties.length
              ? properties.map(([key, value]) => (
                  <div key={key} className="mono">
                    {key} = {value}
                  </div>
                ))
              : t("tables.noProperties"),
          },
        ]}
      />
    </Panel>
  );
}
