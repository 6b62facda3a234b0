/** What came of the last statement: rows, a chart, a word, or an error with its place. */
import { Button, Loader, Tabs } from "@mantine/core";
import { IconDownload, IconPlayerStop } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schemas } from "../api/client";
import { ResultsGrid } from "../grid/ResultsGrid";
import { saveCsv } from "../grid/save";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { useUrlState } from "../shell/urlState";
import { newestRows } from "./examples";
import { ResultChart } from "./ResultChart";
import { cancel, type Run, run, useRun } from "./run";
import css from "./sql.module.css";

const ROWS_MAX_ALL = 100_000;
// A fast answer needs no "running".
const SHOW_RUNNING_MS = 150;

export function RunPanel({ goTo, place, known, pick, text }: {
  goTo: () => void;
  /** of the error, in the editor */ place: { line: number; column: number } | null;
  known: Schemas["Completion"] | undefined;
  pick: (sql: string) => void;
  text: string;
}) {
  const { t } = useTranslation();
  const now = useRun();
  // While the next one runs, the last result stays, dimmed: nothing jumps.
  const result = now.state === "done" ? now.result : now.state === "running" ? now.before : null;
  return (
    <section className={css.out} aria-label={t("sql.results")} aria-busy={now.state === "running"} data-testid="sql-out" data-state={now.state}>
      {now.state === "running" ? <Running run={now} /> : null}
      {now.state === "failed" ? (
        <div className={css.pad}>
          <ProblemCard error={now.problem}>
            {place ? (
              <Button size="xs" variant="default" mt={8} onClick={goTo} data-testid="sql-go-to-error">
                {t("sql.fix")}: {t("problem.place", place)}
              </Button>
            ) : null}
          </ProblemCard>
        </div>
      ) : null}
      {now.state === "cancelled" ? <EmptyState small title={t("sql.cancelled")} /> : null}
      {result ? <Result result={result} old={now.state === "running"} /> : null}
      {now.state === "none" ? <Nothing known={known} pick={pick} empty={!text.trim()} /> : null}
    </section>
  );
}

function Running({ run: { startedMs } }: { run: Extract<Run, { state: "running" }> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [ms, setMs] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setMs(Date.now() - startedMs), 100);
    return () => clearInterval(timer);
  }, [startedMs]);
  if (ms < SHOW_RUNNING_MS) return null;
  return (
    <div className={css.running} role="status">
      <Loader size={14} />
      <span>
        {t("sql.running")} {ms >= 1000 ? format.duration(Math.floor(ms / 1000) * 1000) : ""}
      </span>
      <Button size="compact-xs" variant="default" leftSection={<IconPlayerStop size={13} />} onClick={() => void cancel()} data-testid="sql-cancel">
        {t("sql.cancel")}
      </Button>
    </div>
  );
}

function Result({ result, old }: { result: Schemas["SqlResult"]; old: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [tab, setTab] = useUrlState("tab");
  const now = useRun();
  const took = format.duration(result.elapsed_ms);
  if (result.columns.length === 0) {
    return (
      <div className={css.word} role="status" data-testid="sql-done">
        {result.affected_rows === null
          ? t("sql.ok", { statement: result.statement })
          : t("sql.affected", { count: result.affected_rows, n: format.whole(result.affected_rows) })}
        <span>{took}</span>
      </div>
    );
  }
  const more = result.truncated && result.row_count < ROWS_MAX_ALL && now.state === "done";
  return (
    <Tabs value={tab === "chart" ? "chart" : "rows"} onChange={(next) => setTab(next === "chart" ? "chart" : undefined)} className={css.result} data-old={old || undefined}>
      <div className={css.resultBar}>
        <Tabs.List>
          <Tabs.Tab value="rows" data-testid="sql-tab-rows">
            {t("sql.results")}
          </Tabs.Tab>
          <Tabs.Tab value="chart" data-testid="sql-tab-chart">
            {t("sql.chart")}
          </Tabs.Tab>
        </Tabs.List>
        <span className={css.facts} role="status" data-testid="sql-facts">
          {result.truncated
            ? t("sql.firstRows", { n: format.whole(result.row_count) })
            : t("sql.rows", { count: result.row_count, n: format.whole(result.row_count) })}
          {more ? (
            <Button size="compact-xs" variant="default" onClick={() => void run(now.statement, ROWS_MAX_ALL)}>
              {t("sql.moreRows", { n: format.whole(ROWS_MAX_ALL) })}
            </Button>
          ) : null}
          <span>{took}</span>
        </span>
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          leftSection={<IconDownload size={15} />}
          onClick={() => saveCsv(result.columns.map((column) => column.name), result.rows, "result.csv")}
          data-testid="sql-csv"
        >
          {t("sql.csv")}
        </Button>
      </div>
      <Tabs.Panel value="rows" className={css.resultBody}>
        {result.rows.length === 0 ? (
          <EmptyState small title={t("sql.noRows")} text={t("sql.noRowsText")} />
        ) : (
          <ResultsGrid columns={result.columns} rows={result.rows} label={t("sql.gridLabel")} height="100%" />
        )}
      </Tabs.Panel>
      <Tabs.Panel value="chart" className={css.resultBody}>
        <ResultChart columns={result.columns} rows={result.rows} />
      </Tabs.Panel>
    </Tabs>
  );
}

function Nothing({ known, pick, empty }: { known: Schemas["Completion"] | undefined; pick: (sql: string) => void; empty: boolean }) {
  const { t } = useTranslation();
  const tables = (known?.tables ?? []).filter((table) => table.kind === "table").slice(0, 3);
  return (
    <EmptyState small title={t("sql.emptyTitle")} text={t("sql.emptyText", { keys: "Ctrl + Enter" })}>
      {empty ? (
        <>
          {tables.map((table) => (
            <Button key={table.name} size="xs" variant="default" onClick={() => pick(newestRows(table.name))}>
              {t("sql.exampleTables", { name: table.name })}
            </Button>
          ))}
          {known && tables.length === 0 ? (
            <Button size="xs" variant="default" onClick={() => pick("SELECT 'hello' AS word, 6 * 7 AS answer")}>
              {t("sql.exampleOne")}
            </Button>
          ) : null}
        </>
      ) : null}
    </EmptyState>
  );
}
