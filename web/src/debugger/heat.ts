/** From a run's layers by step to the cells of a heat map, and to ECharts' options for them. Pure. */
import type { Schemas } from "../api/client";
import { rampOf } from "../charts/ramp";
import { FONT } from "../theme/theme";

export type Heat = Schemas["Heat"];
export type Measure = Schemas["Measure"];
export type Finding = Schemas["Finding"];
/** Places of a layer and a step. */
export type Cell = { row: number; column: number };
type Value = Measure["values"][number][number];

/** Norms and ratios differ by powers of ten; shares do not. */
export const isShare = (measure: Pick<Measure, "name">) => measure.name.endsWith("_share");

/** Where a value is on the scale: itself for a share, its power of ten else; null for what has no place there. */
export function level(value: Value | undefined, share: boolean): number | null {
  if (typeof value !== "number") return null;
  if (share) return Math.min(1, Math.max(0, value));
  return value > 0 ? Math.log10(value) : null;
}

/** The ends of the scale, at least two powers of ten apart so that noise is not shown as a difference. */
export function rangeOf(measure: Measure): [number, number] {
  if (isShare(measure)) return [0, 1];
  const levels = measure.values.flat().map((value) => level(value, false)).filter((one) => one !== null);
  if (!levels.length) return [-1, 1];
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const room = Math.max(0, 2 - (high - low)) / 2;
  return [low - room, high + room];
}

/** The measure that shows a finding best: the one it names a layer of, or that its rule is about. */
export function measureFor(finding: Finding | undefined, measures: Measure[]): Measure | undefined {
  const about: Record<string, string> = { dead_relu: "dead_share", saturated_activation: "saturated_share", lr_too_high: "update_ratio", lr_too_low: "update_ratio", no_optimizer_step: "update_ratio" };
  const named = measures.find((one) => one.name === about[finding?.rule ?? ""]);
  return named ?? measures.find((one) => finding?.layer && one.layers.includes(finding.layer)) ?? measures[0];
}

/** The cell that a finding is about: its layer at the step nearest to where it began. */
export function cellOf(finding: Finding | undefined, measure: Measure, steps: number[]): Cell {
  const row = Math.max(0, finding?.layer ? measure.layers.indexOf(finding.layer) : 0);
  const at = finding?.step ?? steps.at(-1) ?? 0;
  let column = 0;
  steps.forEach((step, place) => {
    if (Math.abs(step - at) < Math.abs(steps[column]! - at)) column = place;
  });
  return { row, column };
}

/** The cell beside another one; stays at the edges. Null for a key that does not move. */
export function step(measure: Measure, steps: number[], from: Cell, key: string): Cell | null {
  const across = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[key] ?? 0;
  const down = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
  if (!across && !down) return null;
  const inside = (place: number, length: number) => Math.min(Math.max(place, 0), length - 1);
  return { row: inside(from.row + down, measure.layers.length), column: inside(from.column + across, steps.length) };
}

export function heatOption(measure: Measure, steps: number[], chosen: Cell, dark: boolean, words: { tip: (cell: Cell) => string; axis: string }) {
  const ink = dark ? "#97a3b3" : "#5b6573";
  const bad = dark ? "#ff8290" : "#c02537";
  const text = { color: ink, fontFamily: FONT, fontSize: 11 };
  const share = isShare(measure);
  const [low, high] = rangeOf(measure);
  const cells = measure.values.flatMap((values, row) =>
    values.flatMap((value, column) => {
      if (value === null) return [];
      const broken = typeof value !== "number";
      const here = chosen.row === row && chosen.column === column;
      // Zero has no power of ten: it is at the pale end.
      const size = broken ? high : (level(value, share) ?? low);
      const frame = here ? { borderColor: dark ? "#ffffff" : "#161a20", borderWidth: 2 } : {};
      return [{ value: [column, row, size], cell: { row, column }, itemStyle: broken ? { ...frame, color: bad } : frame, label: { show: broken, formatter: "!", color: dark ? "#12161c" : "#ffffff", fontSize: 10, fontWeight: 700 }, visualMap: broken ? false : undefined, here }];
    }),
  );
  // Drawn last, so that no neighbour covers its frame.
  cells.sort((a, b) => Number(a.here) - Number(b.here));
  return {
    animation: false,
    textStyle: text,
    grid: { left: 8, right: 12, top: 6, bottom: 24, containLabel: true },
    tooltip: {
      confine: true,
      backgroundColor: dark ? "#1c222a" : "#ffffff",
      borderColor: dark ? "#36404d" : "#d2d7de",
      textStyle: { color: dark ? "#e3e8ef" : "#161a20", fontFamily: FONT, fontSize: 12 },
      // An element, not a text: a layer's name must never be read as HTML.
      formatter: (item: { data?: { cell?: Cell } }) => {
        const box = document.createElement("span");
        box.textContent = item.data?.cell ? words.tip(item.data.cell) : "";
        return box;
      },
    },
    xAxis: { type: "category", data: steps.map(String), name: words.axis, nameLocation: "middle", nameGap: 26, nameTextStyle: text, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true } },
    yAxis: { type: "category", inverse: true, data: measure.layers, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { ...text, interval: 0, width: 150, overflow: "truncate" } },
    visualMap: { show: false, min: low, max: high, dimension: 2, inRange: { color: rampOf(dark) } },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: dark ? "#171c23" : "#ffffff", borderWidth: steps.length > 60 ? 0.5 : 1 }, emphasis: { itemStyle: { borderColor: ink } } }],
  };
}
