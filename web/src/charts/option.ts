/** From a ChartSpec to ECharts' options: titled axes with units, quiet lines, the palette. Pure. */
import type { Format } from "../i18n/format";
import { FONT } from "../theme/theme";
import type { ChartSpec } from "./Chart";
import { coloursFor } from "./palette";

// Beyond this a line is drawn from its largest-triangle samples: the eye sees no difference, the browser does.
const POINTS_DRAWN = 4_000;
// Names beyond this many cannot be told apart by colour; they still are by hover.
const LEGEND_MAX = 40;

// Day and month together: a bare 7 is no date.
const TIME_LABELS = {
  year: "{yyyy}", month: "{yyyy}-{MM}-{dd}", day: "{MM}-{dd}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}",
  millisecond: "{HH}:{mm}:{ss}.{SSS}",
};

export function optionOf(spec: ChartSpec, format: Format, dark: boolean) {
  const ink = dark ? "#97a3b3" : "#5b6573";
  const line = dark ? "#262d37" : "#e8ebef";
  const text = { color: ink, fontFamily: FONT, fontSize: 11 };
  const colours = coloursFor(spec.series, dark);
  const unit = spec.y.unit ? ` ${spec.y.unit}` : "";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const legend = spec.series.length > 1;
  const categories = spec.x.kind === "category" ? [...new Set(spec.series.flatMap((one) => one.points.map(([x]) => String(x))))] : undefined;
  const yTitle = spec.y.unit && !spec.y.title.includes(spec.y.unit) ? `${spec.y.title} (${spec.y.unit})` : spec.y.title;

  return {
    animation: !still && spec.type === "bar",
    animationDuration: 200,
    color: colours,
    textStyle: text,
    grid: { left: 8, right: 18, top: (legend ? 54 : 34) + (spec.marks?.length ? 10 : 0), bottom: spec.x.title ? 26 : 8, containLabel: true },
    tooltip: {
      trigger: spec.type === "scatter" ? "item" : "axis",
      confine: true,
      backgroundColor: dark ? "#1c222a" : "#ffffff",
      borderColor: dark ? "#36404d" : "#d2d7de",
      textStyle: { color: dark ? "#e3e8ef" : "#161a20", fontFamily: FONT, fontSize: 12 },
      axisPointer: { lineStyle: { color: ink, type: "dashed" }, shadowStyle: { opacity: 0.06 } },
      valueFormatter: (value: unknown) => (typeof value === "number" ? `${format.precise(value)}${unit}` : "–"),
    },
    legend: legend
      ? { type: "scroll", top: 0, left: 0, itemWidth: 14, itemHeight: 8, icon: spec.type === "line" ? "roundRect" : "circle", textStyle: { ...text, width: 180, overflow: "truncate" }, pageTextStyle: text, pageIconColor: ink, data: spec.series.slice(0, LEGEND_MAX).map((one) => one.name) }
      : { show: false },
    dataZoom: spec.x.kind === "category" ? [] : [{ type: "inside", zoomOnMouseWheel: "shift", moveOnMouseWheel: false }],
    xAxis: {
      type: spec.x.kind === "time" ? "time" : spec.x.kind === "number" ? "value" : "category",
      data: categories,
      min: spec.from,
      max: spec.to,
      scale: true,
      name: spec.x.title,
      nameLocation: "middle",
      nameGap: 26,
      nameTextStyle: text,
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { ...text, hideOverlap: true, rich: { primary: { ...text, fontWeight: "normal" } }, ...(spec.x.kind === "category" ? { width: 110, overflow: "truncate" } : {}), ...(spec.x.kind === "number" ? { formatter: (value: number) => (Math.abs(value) >= 10_000 ? format.compact(value) : format.precise(value)) } : spec.x.kind === "time" ? { formatter: TIME_LABELS } : {}) },
    },
    yAxis: {
      type: spec.y.log ? "log" : "value",
      name: yTitle,
      nameLocation: "end",
      nameGap: 12,
      nameTextStyle: { ...text, align: "left", padding: [0, 0, 0, 0] },
      // Bars and areas stand on zero; a line shows where the values are.
      scale: spec.type !== "bar" && !spec.area,
      axisLabel: { ...text, formatter: (value: number) => (Math.abs(value) >= 10_000 ? format.compact(value) : format.precise(value)) },
      splitLine: { lineStyle: { color: line } },
      splitNumber: 4,
      ...(spec.threshold == null ? {} : reach(spec.threshold, spec.type === "bar" || spec.area === true)),
    },
    series: spec.series.map((one, index) => ({
      name: one.name,
      type: spec.type,
      data: categories ? aligned(one.points, categories) : spec.y.log ? one.points.map(([x, y]) => [x, y !== null && y > 0 ? y : null]) : one.points,
      showSymbol: spec.type === "scatter" || one.points.length < 2,
      symbolSize: 5,
      lineStyle: { width: 1.7 },
      areaStyle: spec.area ? { opacity: 0.1 } : undefined,
      barMaxWidth: 42,
      itemStyle: spec.type === "bar" ? { borderRadius: [3, 3, 0, 0] } : undefined,
      sampling: one.points.length > POINTS_DRAWN ? "lttb" : undefined,
      emphasis: { focus: legend ? "series" : "none", lineStyle: { width: 2.2 } },
      markLine:
        index === 0 && spec.marks?.length
          ? {
              silent: true,
              symbol: "none",
              animation: false,
              data: spec.marks.map((mark) => {
                const colour = mark.tone === "bad" ? (dark ? "#ff8290" : "#c02537") : dark ? "#e5b454" : "#8a5a00";
                const label = { formatter: mark.label, position: "end", distance: 2, backgroundColor: mark.strong ? colour : dark ? "#171c23" : "#ffffff", borderColor: colour, borderWidth: 1, borderRadius: 8, padding: [2, 5], color: mark.strong ? (dark ? "#12161c" : "#ffffff") : colour, fontFamily: FONT, fontSize: 11, fontWeight: 600 };
                return { xAxis: mark.x, lineStyle: { color: colour, type: mark.strong ? "solid" : "dashed", width: mark.strong ? 1.8 : 1.2 }, label };
              }),
            }
          : index === 0 && spec.threshold != null
          ? {
              silent: true,
              symbol: "none",
              animation: false,
              lineStyle: { color: dark ? "#ff8290" : "#c02537", type: "dashed", width: 1.3 },
              label: { formatter: `${spec.thresholdLabel ?? ""} ${format.precise(spec.threshold)}${unit}`.trim(), position: "insideEndTop", backgroundColor: dark ? "#171c23" : "#ffffff", padding: [1, 4], borderRadius: 2, color: dark ? "#ff8290" : "#c02537", fontFamily: FONT, fontSize: 11 },
              data: [{ yAxis: spec.threshold }],
            }
          : undefined,
    })),
  };
}

function aligned(points: [number | string, number | null][], categories: string[]): (number | null)[] {
  const byX = new Map(points.map(([x, y]) => [String(x), y]));
  return categories.map((x) => byX.get(x) ?? null);
}

/** Ends of the axis that show the threshold too; null leaves an end to the drawing library. */
function reach(threshold: number, fromZero: boolean) {
  type Range = { min: number; max: number };
  const step = ({ min, max }: Range) => 10 ** Math.floor(Math.log10(Math.max(max, threshold) - Math.min(fromZero ? 0 : min, threshold) || 1)) / 2;
  return {
    min: (range: Range) => (threshold < range.min && !(fromZero && threshold >= 0) ? Math.floor(threshold / step(range) - 0.2) * step(range) : null),
    max: (range: Range) => (threshold > range.max ? Math.ceil(threshold / step(range) + 0.2) * step(range) : null),
  };
}
