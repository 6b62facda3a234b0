/** A chart: what to draw as plain values. The drawing library comes lazily. */
import { lazy, type Ref, Suspense } from "react";
import { useTranslation } from "react-i18next";

export type ChartSeries = { name: string; /** a fixed place in the palette, for series that are the same everywhere */ colour?: number; /** pairs of x and y; a null y is a gap */ points: [number | string, number | null][] };

export type ChartSpec = {
  type: "line" | "bar" | "scatter";
  x: { kind: "time" | "number" | "category"; title: string };
  y: { title: string; unit?: string | null; /** by powers of ten; only values above zero are drawn */ log?: boolean };
  series: ChartSeries[];
  threshold?: number | null;
  thresholdLabel?: string;
  /** stay at these ends of a time axis, such as the last ten minutes */ from?: number;
  to?: number;
  area?: boolean;
  /** moments on a number axis, told apart by a short label */ marks?: { x: number; label: string; tone: "bad" | "warn"; strong: boolean }[];
};

export type ChartHandle = { png: () => string | null };

const ChartCanvas = lazy(() => import("./ChartCanvas"));

export function Chart({ spec, title, height = 260, ref }: { spec: ChartSpec; title: string; height?: number | string; ref?: Ref<ChartHandle> }) {
  const { t } = useTranslation();
  return (
    <Suspense fallback={<div style={{ height }} aria-label={t("charts.loading")} />}>
      <ChartCanvas spec={spec} height={height} label={t("charts.label", { title })} ref={ref} />
    </Suspense>
  );
}
