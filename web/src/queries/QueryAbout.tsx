/** What a query is: its SQL, where things go, its alert. */
import { Skeleton, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "../code/CodeBlock";
import { useFormat } from "../i18n/format";
import { ColumnTable } from "../page/ColumnTable";
import { Facts } from "../page/Facts";
import { Panel } from "../page/Panel";
import type { Query } from "./data";
import css from "./queries.module.css";
import { TargetLink } from "./TargetLink";

export function QueryAbout({ query }: { query: Query | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (!query) return <Skeleton height={240} />;
  const { alert } = query;
  const desired = { running: t("queries.desiredRunning"), stopped: t("queries.desiredStopped"), drained: t("queries.desiredDrained") };
  return (
    <div className={css.about}>
      <Stack>
        <CodeBlock code={query.sql} language="sql" label="SQL" testId="query-sql" />
        <ColumnTable columns={query.columns} empty={null} />
      </Stack>
      <Stack>
        <Panel>
          <Facts
            facts={[
              { label: t("queries.desired"), value: desired[query.desired] },
              { label: t("queries.into"), value: <TargetLink target={query.into} /> },
              { label: t("queries.lateTable"), value: <TargetLink target={query.late_table} /> },
              { label: t("queries.deadTable"), value: <TargetLink target={query.dead_letter_table} /> },
              { label: t("queries.checkpointEvery"), value: format.duration(query.checkpoint_s * 1000) },
              { label: t("queries.created"), value: format.exact(query.created_at_ms) },
            ]}
          />
        </Panel>
        <Panel title={t("queries.tabAlerts")}>
          {alert ? (
            <Facts
              facts={[
                { label: t("queries.alertWhen"), value: alert.when ? <code>{alert.when}</code> : t("queries.alertFromSql") },
                { label: t("queries.alertKey"), value: alert.key?.join(", ") ?? t("queries.alertKeyFromSql") },
                { label: t("queries.alertNotify"), value: alert.notify?.length ? alert.notify.join(", ") : t("queries.alertNobody") },
              ]}
            />
          ) : (
            t("queries.noAlert")
          )}
        </Panel>
      </Stack>
    </div>
  );
}
