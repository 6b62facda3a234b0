/** Runs beside each other: parallel coordinates, scatter, curves, and what differs. The runs are those of the address, or the
 * leaderboard's filter and order. */
import { Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { compareRuns } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { useUrlState } from "../shell/urlState";
import { COMPARED_MAX, experimentQuery, NEWEST_FIRST, runsQuery } from "./data";
import { Curves } from "./Curves";
import { Differences } from "./Differences";
import { listIn } from "./Leaderboard";
import { Parallel } from "./Parallel";
import { Scatter } from "./Scatter";

export function ComparePage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { id } = useParams({ from: "/inside/experiments/$id/compare" });
  const [runsText] = useUrlState("runs");
  const [filter = ""] = useUrlState("q");
  const [sort = NEWEST_FIRST] = useUrlState("sort");
  const [dir = "desc"] = useUrlState("dir");
  const experiment = useQuery(experimentQuery(id));
  const chosen = useMemo(() => listIn(runsText), [runsText]);
  const asked = { filter, sort, descending: dir === "desc", columns: ["*"], runs: chosen.length ? chosen : undefined, limit: COMPARED_MAX };
  const runs = useQuery(runsQuery(id, asked));
  const name = experiment.data?.name ?? "…";
  const crumbs = useMemo(
    () => [
      { label: t("experiments.title"), link: { to: "/experiments" as const } },
      { label: name, link: { to: "/experiments/$id" as const, params: { id }, search: { runs: runsText, q: filter || undefined } } },
    ],
    [t, name, id, runsText, filter],
  );
  const page = runs.data;
  const error = runs.error ?? experiment.error;
  return (
    <>
      <PageHeader
        title={t("experiments.compare")}
        crumbs={crumbs}
        actions={experiment.data ? <CopyAsCode recipes={compareRuns(experiment.data.name, chosen)} /> : null}
        under={
          <span>
            {page
              ? page.total > COMPARED_MAX
                ? t("experiments.comparedFirst", { n: format.whole(COMPARED_MAX), all: format.whole(page.total) })
                : t("experiments.count", { count: page.total, n: format.whole(page.total) })
              : " "}
          </span>
        }
      />
      {error && !page ? (
        <ProblemCard error={error} retry={() => void runs.refetch()} />
      ) : !page ? (
        <Skeleton height={460} radius="md" />
      ) : page.runs.id.length === 0 ? (
        <EmptyState title={t("experiments.noneMatch")} />
      ) : (
        <PageTabs
          tabs={[
            { id: "parallel", label: t("experiments.parallel"), body: () => <Parallel page={page} /> },
            { id: "scatter", label: t("experiments.scatter"), body: () => <Scatter page={page} /> },
            { id: "curves", label: t("experiments.curves"), body: () => <Curves experiment={id} page={page} /> },
            { id: "differences", label: t("experiments.differences"), body: () => <Differences page={page} /> },
          ]}
        />
      )}
    </>
  );
}
