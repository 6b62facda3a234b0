/** A chart by ECharts' own options, for what a ChartSpec does not say: parallel axes, points that can be pressed. */
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";

const OptionCanvas = lazy(() => import("./OptionCanvas"));

/** `press` is told the `name` of the data item that was pressed. */
export function OptionChart({ option, title, height, press }: { option: Record<string, unknown>; title: string; height: number | string; press?: (name: string) => void }) {
  const { t } = useTranslation();
  return (
    <Suspense fallback={<div style={{ height }} aria-label={t("charts.loading")} />}>
      <OptionCanvas option={option} height={height} label={t("charts.label", { title })} press={press} />
    </Suspense>
  );
}
