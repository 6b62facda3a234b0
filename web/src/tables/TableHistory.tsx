/** The versions of a table, newest first: who did what, and a way to see the table as it was. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { When } from "../page/When";
import { historyQuery } from "./data";
import css from "./tables.module.css";

const SHOWN_STEP = 50;

export function TableHistory({ name, newest }: { name: string; newest: number | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [shown, setShown] = useState(SHOWN_STEP);
  const history = useQuery(historyQuery(name, newest));
  if (history.error && !history.data) return <ProblemCard error={history.error} retry={() => void history.refetch()} />;
  const versions = history.data && [...history.data].sort((a, b) => b.version - a.version);
  return (
    <>
      <SmallTable
        label={t("tables.tabHistory")}
        rows={versions?.slice(0, shown)}
        rowKey={(one) => String(one.version)}
        empty={null}
        columns={[
          { id: "version", header: t("tables.version"), numeric: true, width: 90, cell: (one) => format.whole(one.version) },
          { id: "at", header: t("tables.at"), width: 120, cell: (one) => <When atMs={one.at_ms} /> },
          { id: "operation", header: t("tables.operation"), cell: (one) => <b>{one.operation}</b> },
          { id: "user", header: t("tables.by"), cell: (one) => one.user ?? "–" },
          { id: "changes", header: t("tables.changes"), cell: (one) => <Values values={one.metrics} /> },
          {
            id: "see",
            header: "",
            end: true,
            cell: (one) => (
              <Link to="." search={one.version === newest ? {} : { version: String(one.version) }} data-testid={`version-${one.version}`}>
                {one.version === newest ? t("tables.newest") : t("tables.sampleVersion")}
              </Link>
            ),
          },
        ]}
      />
      {versions && versions.length > shown ? (
        <Button variant="default" mt="sm" onClick={() => setShown(shown + SHOWN_STEP * 4)}>
          {t("act.showMore")} ({format.whole(versions.length - shown)})
        </Button>
      ) : null}
    </>
  );
}

function Values({ values }: { values: Record<string, unknown> }) {
  return (
    <span className={css.values}>
      {Object.entries(values)
        .filter(([, value]) => value !== null && value !== 0 && value !== "0")
        .slice(0, 6)
        .map(([key, value]) => (
          <span key={key}>
            {key} <b>{typeof value === "object" ? JSON.stringify(value) : String(value)}</b>
          </span>
        ))}
    </span>
  );
}
