/** How a query does now: its figures in place, its rates, and the newest rows that it wrote. */
import { Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { onTableChange, seenSoFar } from "../api/live";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { ResultsGrid } from "../grid/ResultsGrid";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Figures } from "../page/Facts";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { When } from "../page/When";
import { type Query, queryRowsQuery } from "./data";
import css from "./queries.module.css";
import { lagOf } from "./state";

const NEWEST_ROWS = 50;

export function QueryOverview({ query }: { query: Query | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (!query) return <Skeleton height={140} />;
  const { status } = query;
  const link = (count: number, table: string, testId: string) =>
    count > 0 ? (
      <Link to="/tables/$name" params={{ name: table }} data-testid={testId}>
        {format.whole(count)}
      </Link>
    ) : (
      <span data-testid={testId}>0</span>
    );
  return (
    <Stack>
      <Figures
        facts={[
          { label: t("queries.lag"), hint: t("queries.lagHint"), value: status.lag_ms === null ? "–" : lagOf(status) === 0 ? t("queries.upToDate") : format.duration(lagOf(status)), testId: "query-lag" },
          { label: t("queries.watermark"), hint: t("queries.watermarkHint"), value: <When atMs={status.watermark_ms} missing="–" />, testId: "query-watermark" },
          { label: t("queries.rowsIn"), value: format.compact(status.rows_in), testId: "query-rows-in" },
          { label: t("queries.rowsOut"), value: format.compact(status.rows_out), testId: "query-rows-out" },
          { label: t("queries.behind"), value: format.compact(status.records_behind) },
          { label: t("queries.late"), value: link(status.late_rows, query.late_table, "query-late") },
          { label: t("queries.dead"), value: link(status.dead_letters, query.dead_letter_table, "query-dead") },
          { label: t("queries.windows"), value: format.whole(status.open_windows) },
          { label: t("queries.stateSize"), value: format.bytes(status.state_bytes) },
          {
            label: t("queries.checkpoint"),
            value: status.checkpoint === null ? "–" : <span title={t("queries.checkpointNo", { n: format.whole(status.checkpoint) })}><When atMs={status.checkpoint_at_ms} /></span>,
          },
        ]}
      />
      <Rates query={query} />
      <Newest query={query} />
    </Stack>
  );
}

function Rates({ query }: { query: Query }) {
  const { t } = useTranslation();
  const chart = useRef<ChartHandle>(null);
  const seen = seenSoFar(`query:${query.name}`);
  const spec = useMemo<ChartSpec>(
    () => ({
      type: "line",
      area: true,
      // With little seen yet, two minutes: a single point has no width of its own.
      from: seen.length ? Math.min(seen[0]!.atMs, seen.at(-1)!.atMs - 120_000) : undefined,
      to: seen.at(-1)?.atMs,
      x: { kind: "time", title: "" },
      y: { title: t("queries.ratesTitle") },
      series: [
        { name: t("queries.seriesIn"), colour: 0, points: seen.map((one) => [one.atMs, one.values[0] ?? null]) },
        { name: t("queries.seriesOut"), colour: 1, points: seen.map((one) => [one.atMs, one.values[1] ?? null]) },
      ],
    }),
    [seen, t],
  );
  return (
    <Panel title={t("queries.ratesTitle")} right={<><span>{t("queries.ratesNote")}</span><ChartMenu chart={chart} spec={spec} name={query.name} /></>}>
      <Chart ref={chart} spec={spec} title={`${t("queries.ratesTitle")}, ${query.name}`} height={220} />
    </Panel>
  );
}

function Newest({ query }: { query: Query }) {
  const { t } = useTranslation();
  const { name, into } = query;
  const rows = useQuery({ ...queryRowsQuery(name, NEWEST_ROWS), refetchInterval: into.startsWith("stream:") ? 2_000 : false });
  useEffect(
    () =>
      onTableChange((table) => {
        if (table === into || table === "*") void cache.invalidateQueries({ queryKey: ["query", name, "rows"] });
      }),
    [name, into],
  );
  return (
    <Panel title={t("queries.newest")} flush testId="query-rows">
      {rows.error && !rows.data ? (
        <ProblemCard error={rows.error} compact retry={() => void rows.refetch()} />
      ) : !rows.data ? (
        <Skeleton height={160} m={14} width="auto" />
      ) : rows.data.rows.length === 0 ? (
        <EmptyState small title={t("queries.noOutput")} text={t("queries.noOutputText")} />
      ) : (
        <div className={css.rows}>
          <ResultsGrid columns={rows.data.columns} rows={rows.data.rows} label={t("queries.newest")} height={420} />
        </div>
      )}
    </Panel>
  );
}
