/** Parallel coordinates and scatter of runs, as ECharts' options. Pure. */
import type { Format } from "../i18n/format";
import { FONT } from "../theme/theme";
import { fieldOf, type RunColumn, type RunPage, shortId } from "./data";
import { differs, isNumeric, numberIn, shownValue } from "./values";

// More axes than this stand too close to be read.
export const AXES_MAX = 12;
// A word axis with more words is a wall of text.
const WORDS_MAX = 30;
// From worst to best: dark to bright on both grounds, told apart without red and green.
const RAMP = { light: ["#c9b8e8", "#7a6bd0", "#0f5fa8", "#00405c"], dark: ["#4a4270", "#6f7fd8", "#49b6d6", "#d9f27a"] };

/** The columns that can be axes: where the runs differ, by numbers or by a few words; metrics last, where lines end. */
export function axesOf(page: RunPage): RunColumn[] {
  const usable = page.columns.filter((column) => column.kind !== "tags" && differs(column) && (isNumeric(column) || words(column).length <= WORDS_MAX));
  return [...usable.filter((column) => column.kind === "params"), ...usable.filter((column) => column.kind === "metrics")];
}

export function parallelOption(page: RunPage, axes: RunColumn[], by: RunColumn | undefined, format: Format, dark: boolean) {
  const look = looks(dark);
  const shade = shades(by, dark);
  const numeric = axes.map(isNumeric);
  return {
    textStyle: look.text,
    animation: false,
    parallel: { left: 44, right: 60, top: 46, bottom: 22, parallelAxisDefault: { nameLocation: "end", nameGap: 16, areaSelectStyle: { color: dark ? "#8ab4f8" : "#3566b8", opacity: 0.25, width: 16 } } },
    parallelAxis: axes.map((axis, dim) => ({
      dim,
      z: 10,
      name: axis.name.length > 18 ? `${axis.name.slice(0, 17)}…` : axis.name,
      nameTextStyle: { ...look.text, fontWeight: 600, color: dark ? "#e3e8ef" : "#161a20" },
      type: numeric[dim] ? "value" : "category",
      data: numeric[dim] ? undefined : words(axis),
      scale: true,
      axisLine: { lineStyle: { color: look.ink } },
      axisTick: { lineStyle: { color: look.line } },
      axisLabel: { ...look.text, backgroundColor: dark ? "rgba(23,28,35,0.78)" : "rgba(255,255,255,0.78)", padding: [1, 3], borderRadius: 2, formatter: numeric[dim] ? (value: number) => shownValue(value, "metrics", format) : (value: string) => (value.length > 14 ? `${value.slice(0, 13)}…` : value) },
    })),
    tooltip: { ...look.tooltip, trigger: "item", formatter: (item: { name: string; dataIndex: number }) => tipOf(page, item.dataIndex, axes, format) },
    series: [
      {
        type: "parallel",
        smooth: 0.1,
        progressive: 500,
        inactiveOpacity: 0.03,
        lineStyle: { width: 1.2, opacity: page.runs.id.length > 300 ? 0.35 : 0.65 },
        emphasis: { lineStyle: { width: 3, opacity: 1 } },
        data: page.runs.id.map((id, index) => ({
          name: id,
          value: axes.map((axis, dim) => (numeric[dim] ? (numberIn(axis.values[index]) ?? "-") : String(axis.values[index] ?? "–"))),
          lineStyle: { color: shade(index) },
        })),
      },
    ],
  };
}

export function scatterOption(page: RunPage, x: RunColumn, y: RunColumn, by: RunColumn | undefined, format: Format, dark: boolean) {
  const look = looks(dark);
  const shade = shades(by, dark);
  const axis = (column: RunColumn) => ({
    type: "value",
    scale: true,
    name: column.name,
    nameTextStyle: look.text,
    axisLine: { lineStyle: { color: look.line } },
    axisLabel: { ...look.text, hideOverlap: true, formatter: (value: number) => shownValue(value, "metrics", format) },
    splitLine: { lineStyle: { color: look.line } },
  });
  return {
    textStyle: look.text,
    animation: false,
    grid: { left: 12, right: 24, top: 34, bottom: 30, containLabel: true },
    xAxis: { ...axis(x), nameLocation: "middle", nameGap: 28 },
    yAxis: { ...axis(y), nameLocation: "end", nameGap: 12 },
    dataZoom: [{ type: "inside", zoomOnMouseWheel: "shift", moveOnMouseWheel: false }],
    tooltip: { ...look.tooltip, trigger: "item", formatter: (item: { data: { place: number } }) => tipOf(page, item.data.place, by && by !== x && by !== y ? [x, y, by] : [x, y], format) },
    series: [
      {
        type: "scatter",
        symbolSize: 9,
        itemStyle: { opacity: 0.8, borderColor: dark ? "#171c23" : "#ffffff", borderWidth: 1 },
        data: page.runs.id.flatMap((id, place) => {
          const value = [numberIn(x.values[place]), numberIn(y.values[place])];
          return value.includes(null) ? [] : [{ name: id, value, place, itemStyle: { color: shade(place) } }];
        }),
      },
    ],
  };
}

const words = (column: RunColumn) => [...new Set(column.values.map((value) => String(value ?? "–")))].sort();

/** What a run's tip says: its name and the values. ECharts takes HTML, so every text is made harmless. */
function tipOf(page: RunPage, place: number, columns: RunColumn[], format: Format): string {
  const name = page.runs.name[place] || shortId(page.runs.id[place] ?? "");
  const lines = columns.map((column) => `<div style="display:flex;justify-content:space-between;gap:18px"><span>${harmless(column.name)}</span><b>${harmless(shownValue(column.values[place], column.kind, format) || "–")}</b></div>`);
  return `<b>${harmless(name)}</b>${lines.join("")}`;
}

export const harmless = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

function shades(by: RunColumn | undefined, dark: boolean): (place: number) => string {
  const ramp = RAMP[dark ? "dark" : "light"];
  const numbers = by?.values.map((value) => numberIn(value)) ?? [];
  const there = numbers.filter((value) => value !== null);
  const least = there.reduce((a, b) => Math.min(a, b), Infinity);
  const most = there.reduce((a, b) => Math.max(a, b), -Infinity);
  return (place) => {
    const number = numbers[place];
    if (number === null || number === undefined) return dark ? "#4b5563" : "#b8c0ca";
    return mix(ramp, most > least ? (number - least) / (most - least) : 1);
  };
}

function mix(ramp: string[], share: number): string {
  const at = share * (ramp.length - 1);
  const low = Math.min(Math.floor(at), ramp.length - 2);
  const part = (hex: string, place: number) => parseInt(hex.slice(1 + place * 2, 3 + place * 2), 16);
  const channels = [0, 1, 2].map((place) => Math.round(part(ramp[low]!, place) + (part(ramp[low + 1]!, place) - part(ramp[low]!, place)) * (at - low)));
  return `rgb(${channels.join(",")})`;
}

function looks(dark: boolean) {
  const ink = dark ? "#97a3b3" : "#5b6573";
  return {
    ink,
    line: dark ? "#262d37" : "#e8ebef",
    text: { color: ink, fontFamily: FONT, fontSize: 11 },
    tooltip: { confine: true, backgroundColor: dark ? "#1c222a" : "#ffffff", borderColor: dark ? "#36404d" : "#d2d7de", textStyle: { color: dark ? "#e3e8ef" : "#161a20", fontFamily: FONT, fontSize: 12 } },
  };
}

/** The first column of numbers of a kind, to begin with. */
export const firstNumeric = (columns: RunColumn[], not?: string) => columns.find((column) => isNumeric(column) && fieldOf(column) !== not);
