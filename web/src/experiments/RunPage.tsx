/** One run: what went in, what came out, its curves and files. Live while it runs. */
import { Button } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { readRun } from "../code/recipes";
import { DebuggerTab } from "../debugger/DebuggerTab";
import { useFormat } from "../i18n/format";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { type RunDetail, runQuery, shortId } from "./data";
import { RunCurves } from "./RunCurves";
import { RunFiles } from "./RunFiles";
import { RunOverview } from "./RunOverview";
import { STATE } from "./state";

export function RunPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { id } = useParams({ from: "/inside/runs/$id" });
  const run = useQuery(runQuery(id));
  const data = run.data;
  const crumbs = useMemo(
    () => [
      { label: t("experiments.title"), link: { to: "/experiments" as const } },
      ...(data ? [{ label: data.experiment, link: { to: "/experiments/$id" as const, params: { id: data.experiment_id } } }] : []),
    ],
    [t, data],
  );
  if (run.error && !data) {
    return (
      <>
        <PageHeader title={t("experiments.run")} crumbs={crumbs} />
        <ProblemCard error={run.error} retry={() => void run.refetch()} />
      </>
    );
  }
  return (
    <>
      <PageHeader
        title={data?.name || shortId(id)}
        crumbs={crumbs}
        status={data ? <StatusWord state={STATE[data.status]} testId="run-state" /> : null}
        actions={data ? <Actions run={data} /> : null}
        under={
          data ? (
            <>
              <span>
                {t("experiments.started")}: <When atMs={data.started_at_ms} />
              </span>
              {data.started_at_ms != null && data.ended_at_ms != null ? (
                <span>
                  {t("experiments.duration")}: {format.duration(Math.max(0, data.ended_at_ms - data.started_at_ms))}
                </span>
              ) : null}
              {data.user ? (
                <span>
                  {t("experiments.user")}: {data.user}
                </span>
              ) : null}
              {data.parent ? (
                <span>
                  {t("experiments.parent")}:{" "}
                  <Link to="/runs/$id" params={{ id: data.parent }}>
                    {shortId(data.parent)}
                  </Link>
                </span>
              ) : null}
              {data.children ? (
                <Link to="/experiments/$id" params={{ id: data.experiment_id }} search={{ q: `tags.\`mlflow.parentRunId\` = '${data.id}'` }}>
                  {t("experiments.children", { count: data.children, n: format.whole(data.children) })}
                </Link>
              ) : null}
              <span className="mono">{data.id}</span>
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      <PageTabs
        tabs={[
          { id: "overview", label: t("experiments.tabOverview"), body: () => <RunOverview run={data} /> },
          { id: "curves", label: t("experiments.tabCurves"), body: () => <RunCurves run={data} /> },
          { id: "debugger", label: t("debugger.tab"), count: data?.findings?.count || undefined, body: () => <DebuggerTab id={id} live={data?.status === "running"} /> },
          { id: "files", label: t("experiments.tabFiles"), body: () => <RunFiles id={id} /> },
          { id: "tags", label: t("experiments.tabTags"), count: data ? Object.keys(data.tags).length : undefined, body: () => <Tags run={data} /> },
        ]}
      />
    </>
  );
}

function Actions({ run }: { run: RunDetail }) {
  const { t } = useTranslation();
  return (
    <>
      <CopyAsCode recipes={readRun(run.id, run.metrics[0]?.name)} />
      <Button component="a" variant="default" href={`/mlflow/#/experiments/${run.experiment_id}/runs/${run.id}`} target="_blank" rel="noopener" leftSection={<IconExternalLink size={16} />} data-testid="run-mlflow">
        {t("experiments.inMlflow")}
      </Button>
    </>
  );
}

function Tags({ run }: { run: RunDetail | undefined }) {
  const { t } = useTranslation();
  return (
    <SmallTable
      label={t("experiments.tags")}
      rows={run && Object.entries(run.tags)}
      rowKey={([key]) => key}
      empty={t("experiments.noTags")}
      columns={[
        { id: "name", header: t("list.name"), width: "35%", cell: ([key]) => <span className="mono">{key}</span> },
        { id: "value", header: t("experiments.value"), cell: ([, value]) => value },
      ]}
    />
  );
}
