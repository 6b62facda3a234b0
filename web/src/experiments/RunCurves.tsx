/** Every metric of a run over its steps, a small chart each. */
import { Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartSpec } from "../charts/Chart";
import type { Schemas } from "../api/client";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { curvesQuery, type RunDetail } from "./data";
import css from "./experiments.module.css";
import { numberIn } from "./values";

// A wall of charts is no overview: MLflow's page has them all.
const CHARTS_MAX = 24;

export function RunCurves({ run }: { run: RunDetail | undefined }) {
  const { t } = useTranslation();
  const metrics = useMemo(() => run?.metrics.slice(0, CHARTS_MAX).map((metric) => metric.name) ?? [], [run]);
  const curves = useQuery(curvesQuery(run?.experiment_id ?? "", run ? [run.id] : [], metrics, run?.status === "running"));
  if (run && metrics.length === 0) return <EmptyState title={t("experiments.noMetrics")} />;
  if (curves.error && !curves.data) return <ProblemCard error={curves.error} retry={() => void curves.refetch()} />;
  if (!curves.data) return <Skeleton height={240} radius="md" />;
  return (
    <div className={css.curves}>
      {curves.data.map((curve) => (
        <Panel key={curve.metric} title={curve.metric} testId="run-curve">
          <OneCurve curve={curve} />
        </Panel>
      ))}
    </div>
  );
}

function OneCurve({ curve }: { curve: Schemas["MetricCurve"] }) {
  const { t } = useTranslation();
  const spec = useMemo<ChartSpec>(
    () => ({
      type: curve.step.length > 1 ? "line" : "scatter",
      x: { kind: "number", title: t("experiments.step") },
      y: { title: "" },
      series: [{ name: curve.metric, points: curve.step.map((step, place) => [step, numberIn(curve.value[place])]) }],
    }),
    [curve, t],
  );
  return <Chart spec={spec} title={curve.metric} height={210} />;
}
