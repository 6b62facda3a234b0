/** All experiments that the reader may see, the last used first. */
import { Code } from "@mantine/core";
import { IconFlask2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "../code/CodeBlock";
import { CopyAsCode } from "../code/CopyAsCode";
import { listExperiments, trackRun } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { PageHeader } from "../page/PageHeader";
import { StatusWord } from "../page/StatusWord";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { experimentsQuery } from "./data";
import css from "./experiments.module.css";

export function ExperimentList() {
  const { t } = useTranslation();
  const format = useFormat();
  const experiments = useQuery(experimentsQuery);
  return (
    <>
      <PageHeader title={t("experiments.title")} actions={<CopyAsCode recipes={listExperiments()} />} />
      <ThingList
        label={t("experiments.title")}
        rows={experiments.data}
        error={experiments.error}
        retry={() => void experiments.refetch()}
        rowKey={(one) => one.name}
        searchText={(one) => `${one.name} ${one.owner}`}
        firstOrder={{ id: "last", dir: "desc" }}
        empty={
          <EmptyState icon={<IconFlask2 size={40} stroke={1.3} />} title={t("experiments.emptyTitle")} text={t("experiments.emptyText")}>
            <div className={css.firstRun}>
              <CodeBlock code={trackRun("churn").python ?? ""} language="python" testId="code-first-run" />
              <p>
                {t("experiments.emptyMlflow")} <Code>MLFLOW_TRACKING_URI={window.location.origin}/mlflow</Code>
              </p>
            </div>
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (one) => one.name,
            cell: (one) => (
              <Link to="/experiments/$id" params={{ id: one.id }} className="cut thing" title={one.name} data-row-link>
                {one.name}
              </Link>
            ),
          },
          {
            id: "running",
            header: t("experiments.running"),
            width: 140,
            order: (one) => one.running,
            cell: (one) => (one.running ? <span className={css.runningCount}><StatusWord state="running" /> {format.whole(one.running)}</span> : ""),
          },
          { id: "runs", header: t("experiments.runs"), numeric: true, width: 110, order: (one) => one.runs, cell: (one) => format.whole(one.runs) },
          { id: "last", header: t("experiments.last"), width: 150, order: (one) => one.last_run_at_ms ?? one.created_at_ms, cell: (one) => <When atMs={one.last_run_at_ms} missing="–" /> },
          { id: "owner", header: t("list.owner"), width: 140, wideOnly: true, order: (one) => one.owner, cell: (one) => one.owner },
        ]}
      />
    </>
  );
}
