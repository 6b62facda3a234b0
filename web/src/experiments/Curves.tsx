/** A metric of several runs over its steps; live while they run. */
import { Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import { CURVES_MAX, curvesQuery, fieldOf, type RunPage, shortId } from "./data";
import css from "./experiments.module.css";
import { FieldSelect } from "./FieldSelect";
import { numberIn } from "./values";

export function Curves({ experiment, page }: { experiment: string; page: RunPage }) {
  const { t } = useTranslation();
  const format = useFormat();
  const patch = useUrlPatch();
  const chart = useRef<ChartHandle>(null);
  const [asked] = useUrlState("metric");
  const metrics = page.columns.filter((column) => column.kind === "metrics");
  const metric = metrics.find((column) => fieldOf(column) === asked) ?? metrics[0];
  const ids = useMemo(() => page.runs.id.slice(0, CURVES_MAX), [page]);
  const curves = useQuery(curvesQuery(experiment, ids, metric ? [metric.name] : [], page.running > 0));
  const names = useMemo(() => new Map(page.runs.id.map((id, place) => [id, page.runs.name[place] || shortId(id)])), [page]);
  const spec = useMemo<ChartSpec>(() => {
    const seen = new Map<string, number>();
    return {
      type: "line",
      x: { kind: "number", title: t("experiments.step") },
      y: { title: metric?.name ?? "" },
      series: (curves.data ?? []).map((curve) => {
        // Two runs may have one name: the second has a part of its id beside it.
        const name = names.get(curve.run) ?? shortId(curve.run);
        seen.set(name, (seen.get(name) ?? 0) + 1);
        return { name: seen.get(name)! > 1 ? `${name} ${shortId(curve.run)}` : name, points: curve.step.map((step, place) => [step, numberIn(curve.value[place])]) };
      }),
    };
  }, [curves.data, metric?.name, names, t]);
  if (!metric) return <EmptyState title={t("experiments.noCurves")} />;
  return (
    <Panel testId="compare-curves">
      <div className={css.controls}>
        <p>{page.runs.id.length > CURVES_MAX ? t("experiments.curvesFirst", { n: format.whole(CURVES_MAX), all: format.whole(page.runs.id.length) }) : null}</p>
        <FieldSelect label={t("experiments.metric")} columns={metrics} value={fieldOf(metric)} choose={(field) => patch({ metric: field })} testId="curves-metric" />
        <ChartMenu chart={chart} spec={spec} name={metric.name} />
      </div>
      {curves.error && !curves.data ? (
        <ProblemCard error={curves.error} retry={() => void curves.refetch()} compact />
      ) : curves.data ? (
        <Chart ref={chart} spec={spec} title={metric.name} height="max(360px, calc(100dvh - 370px))" />
      ) : (
        <Skeleton height={360} />
      )}
    </Panel>
  );
}
