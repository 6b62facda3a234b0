/** One experiment: its leaderboard, and who may see it. */
import { Button } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { CopyAsCode } from "../code/CopyAsCode";
import { readExperiment } from "../code/recipes";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { When } from "../page/When";
import { may } from "../session/me";
import { useUrlState } from "../shell/urlState";
import { experimentQuery, type Experiment } from "./data";
import { Leaderboard } from "./Leaderboard";

export function ExperimentPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/experiments/$id" });
  const [filter = ""] = useUrlState("q");
  const experiment = useQuery(experimentQuery(id));
  const crumbs = useMemo(() => [{ label: t("experiments.title"), link: { to: "/experiments" as const } }], [t]);
  const data = experiment.data;
  if (experiment.error && !data) {
    return (
      <>
        <PageHeader title={t("experiments.one")} crumbs={crumbs} />
        <ProblemCard error={experiment.error} retry={() => void experiment.refetch()} />
      </>
    );
  }
  return (
    <>
      <PageHeader
        title={data?.name ?? "…"}
        crumbs={crumbs}
        actions={data ? <Actions experiment={data} filter={filter} /> : null}
        under={
          data ? (
            <>
              <span>
                {t("experiments.last")}: <When atMs={data.last_run_at_ms} />
              </span>
              <span>
                {t("list.owner")}: {data.owner}
              </span>
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {may(data?.permission, "manage") ? (
        <PageTabs
          tabs={[
            { id: "runs", label: t("experiments.tabRuns"), body: () => <Leaderboard id={id} name={data!.name} /> },
            { id: "access", label: t("tables.tabAccess"), body: () => <GrantsPanel kind="experiment" name={data!.name} /> },
          ]}
        />
      ) : (
        <Leaderboard id={id} name={data?.name ?? ""} />
      )}
    </>
  );
}

function Actions({ experiment, filter }: { experiment: Experiment; filter: string }) {
  const { t } = useTranslation();
  return (
    <>
      <CopyAsCode recipes={readExperiment(experiment.name, filter)} />
      <Button component="a" variant="default" href={`/mlflow/#/experiments/${experiment.id}`} target="_blank" rel="noopener" leftSection={<IconExternalLink size={16} />}>
        {t("experiments.inMlflow")}
      </Button>
    </>
  );
}
