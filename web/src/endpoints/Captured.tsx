/** What was asked and answered: where it is kept, its newest rows, and a monitor over it. */
import { Group, Text } from "@mantine/core";
import { IconActivityHeartbeat } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, take } from "../api/client";
import { ResultsGrid } from "../grid/ResultsGrid";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { ProblemCard } from "../page/ProblemCard";
import { TargetLink } from "../queries/TargetLink";
import { useMayMake } from "../session/me";
import { tablesQuery } from "../tables/data";
import type { Endpoint } from "./data";
import css from "./endpoints.module.css";
import { watchSql } from "./state";

const ROWS_SHOWN = 200;
const EVERY_MS = 5_000;

export function Captured({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation();
  const mayMake = useMayMake();
  const tables = useQuery(tablesQuery).data;
  const { table } = endpoint;
  const there = tables?.some((one) => one.name === table);
  const rows = useQuery({
    queryKey: ["endpoint", endpoint.name, "captured"],
    queryFn: () => take(api.POST("/api/sql", { body: { sql: `SELECT * FROM ${table} r ORDER BY r.at DESC LIMIT ${ROWS_SHOWN}`, rows_max: ROWS_SHOWN } })),
    enabled: Boolean(there),
    refetchInterval: EVERY_MS,
  });
  if (!endpoint.capture || !table) return <EmptyState small title={t("endpoints.captureOff")} text={t("endpoints.captureOffText")} />;
  const labelled = Boolean(tables?.some((one) => one.name === endpoint.labels_table));
  return (
    <>
      <Group justify="space-between" mb="sm">
        <Text size="sm" c="dimmed" className={css.inline}>
          {t("endpoints.keptIn")} <TargetLink target={table} />
        </Text>
        {mayMake && endpoint.columns.length ? (
          <LinkButton
            to="/monitors/new"
            search={{ query: watchSql(endpoint, labelled), name: endpoint.name, prediction: "prediction", ...(labelled ? { target: "label" } : {}), endpoint: endpoint.name }}
            leftSection={<IconActivityHeartbeat size={16} />}
            data-testid="watch-it"
          >
            {t("endpoints.watch")}
          </LinkButton>
        ) : null}
      </Group>
      {rows.error ? (
        <ProblemCard error={rows.error} retry={() => void rows.refetch()} />
      ) : !rows.data?.rows.length ? (
        <EmptyState small title={t("endpoints.nothingKept")} text={t("endpoints.nothingKeptText")} />
      ) : (
        <div data-testid="captured">
          <ResultsGrid columns={rows.data.columns} rows={rows.data.rows} label={t("endpoints.captured")} height="max(360px, calc(100dvh - 330px))" />
        </div>
      )}
    </>
  );
}
