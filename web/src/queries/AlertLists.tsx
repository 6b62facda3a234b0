/** Alerts that fire now, and what happened before; of all queries, or of one. */
import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Schemas } from "../api/client";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { AlertKey } from "./AlertKey";
import { alertsQuery } from "./data";

export function AlertLists({ of }: { of?: string }) {
  const { t } = useTranslation();
  const alerts = useQuery(alertsQuery);
  const mine = <T extends { query: string }>(list: T[] | undefined) => (of ? list?.filter((one) => one.query === of) : list);
  if (alerts.error && !alerts.data) return <ProblemCard error={alerts.error} retry={() => void alerts.refetch()} />;
  return (
    <Stack data-testid="alerts">
      <Panel title={t("queries.firing")} flush>
        <SmallTable
          bare
          label={t("queries.firing")}
          rows={mine(alerts.data?.firing)}
          rowKey={(alert) => alert.query + JSON.stringify(alert.key)}
          empty={<EmptyState small title={t("queries.noFiring")} text={t("queries.noFiringText")} />}
          columns={[
            { id: "state", header: t("queries.status"), width: 110, cell: () => <StatusWord state="firing" /> },
            ...(of ? [] : [queryColumn<Schemas["FiringAlert"]>(t("queries.query"))]),
            { id: "key", header: t("queries.key"), cell: (alert) => <AlertKey alertKey={alert.key} /> },
            { id: "row", header: t("queries.row"), cell: (alert) => <AlertKey alertKey={alert.row} without={alert.key} /> },
            { id: "since", header: t("queries.since"), width: 130, cell: (alert) => <When atMs={alert.since_ms} /> },
          ]}
        />
      </Panel>
      <Panel title={t("queries.events")} flush>
        <SmallTable
          bare
          label={t("queries.events")}
          rows={mine(alerts.data?.events)}
          rowKey={(event) => event.id}
          empty={<EmptyState small title={t("queries.noEvents")} />}
          columns={[
            { id: "state", header: t("queries.status"), width: 110, cell: (event) => <StatusWord state={event.state} /> },
            ...(of ? [] : [queryColumn<Schemas["AlertEvent"]>(t("queries.query"))]),
            { id: "key", header: t("queries.key"), cell: (event) => <AlertKey alertKey={event.key} /> },
            { id: "row", header: t("queries.row"), cell: (event) => <AlertKey alertKey={event.row} without={event.key} /> },
            { id: "at", header: t("queries.at"), width: 130, cell: (event) => <When atMs={event.at_ms} /> },
          ]}
        />
      </Panel>
    </Stack>
  );
}

function queryColumn<T extends { query: string }>(header: string) {
  return {
    id: "query",
    header,
    width: 190,
    cell: (row: T) => (
      <Link to="/queries/$name" params={{ name: row.query }} search={{ tab: "alerts" }}>
        {row.query}
      </Link>
    ),
  };
}
