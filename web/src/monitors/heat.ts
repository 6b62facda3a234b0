/** From a monitor's windows to the cells of its heat map, and to ECharts' options for them. Pure. */
import { rampOf } from "../charts/ramp";
import { FONT } from "../theme/theme";
import type { MonitorWindow } from "./data";

export type Cell = { feature: string; window: number };

export type Heat = {
  /** most often drifted first */ features: string[];
  /** oldest first */ windows: MonitorWindow[];
};

/** Beyond this many standard deviations a cell gets no darker: what matters is that it moved far. */
export const EFFECT_SHOWN_MAX = 2;

export function heatOf(checked: MonitorWindow[]): Heat {
  const windows = [...checked].reverse();
  const drifts = new Map<string, number>();
  const largest = new Map<string, number>();
  for (const window of windows) {
    for (const [feature, effect] of Object.entries(window.effects)) {
      drifts.set(feature, (drifts.get(feature) ?? 0) + Number(window.drifted.includes(feature)));
      largest.set(feature, Math.max(largest.get(feature) ?? 0, Math.abs(effect ?? 0)));
    }
  }
  const features = [...drifts.keys()].sort((a, b) => drifts.get(b)! - drifts.get(a)! || largest.get(b)! - largest.get(a)! || a.localeCompare(b));
  return { features, windows };
}

/** Marks a drifted cell, besides its colour. It says nothing of a direction: a mix of values has none. */
export const SIGN = "◆";

export function signOf(window: MonitorWindow, feature: string): string {
  return window.drifted.includes(feature) ? SIGN : "";
}

/** The cell beside another one; stays at the edges. */
export function step(heat: Heat, from: Cell, key: string): Cell | null {
  const across = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[key] ?? 0;
  const down = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
  if (!across && !down) return null;
  const inside = (place: number, length: number) => Math.min(Math.max(place, 0), length - 1);
  const column = inside(heat.windows.findIndex((one) => one.window === from.window) + across, heat.windows.length);
  const row = inside(heat.features.indexOf(from.feature) + down, heat.features.length);
  const [window, feature] = [heat.windows[column], heat.features[row]];
  return window && feature !== undefined ? { feature, window: window.window } : null;
}

export function heatOption(heat: Heat, chosen: Cell | null, dark: boolean, words: { label: (window: MonitorWindow) => string; tip: (cell: Cell) => string; axis: string }) {
  const ink = dark ? "#97a3b3" : "#5b6573";
  const text = { color: ink, fontFamily: FONT, fontSize: 11 };
  const ramp = rampOf(dark);
  const data = heat.windows.flatMap((window, column) =>
    heat.features.flatMap((feature, row) => {
      const effect = window.effects[feature];
      if (effect === undefined) return [];
      const size = Math.min(Math.abs(effect ?? 0), EFFECT_SHOWN_MAX);
      const here = chosen?.feature === feature && chosen.window === window.window;
      return [{
        value: [column, row, size],
        cell: { feature, window: window.window },
        itemStyle: here ? { borderColor: dark ? "#ffffff" : "#161a20", borderWidth: 2 } : undefined,
        // Half-way up the ramp the ground changes sides.
        label: { show: true, formatter: signOf(window, feature), color: size > EFFECT_SHOWN_MAX * (dark ? 0.65 : 0.45) === dark ? "#0b1117" : "#ffffff", fontSize: 10 },
        here,
      }];
    }),
  );
  // Drawn last, so that no neighbour covers its frame.
  data.sort((a, b) => Number(a.here) - Number(b.here));
  return {
    animation: false,
    textStyle: text,
    grid: { left: 8, right: 12, top: 6, bottom: 24, containLabel: true },
    tooltip: {
      confine: true,
      backgroundColor: dark ? "#1c222a" : "#ffffff",
      borderColor: dark ? "#36404d" : "#d2d7de",
      textStyle: { color: dark ? "#e3e8ef" : "#161a20", fontFamily: FONT, fontSize: 12 },
      // An element, not a text: a feature's name must never be read as HTML.
      formatter: (item: { data?: { cell?: Cell } }) => {
        const box = document.createElement("span");
        box.textContent = item.data?.cell ? words.tip(item.data.cell) : "";
        return box;
      },
    },
    xAxis: { type: "category", data: heat.windows.map(words.label), name: words.axis, nameLocation: "middle", nameGap: 26, nameTextStyle: text, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true }, splitArea: { show: false } },
    yAxis: { type: "category", inverse: true, data: heat.features, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { ...text, interval: 0, width: 170, overflow: "truncate" } },
    visualMap: { show: false, min: 0, max: EFFECT_SHOWN_MAX, dimension: 2, inRange: { color: ramp } },
    series: [{ type: "heatmap", data, itemStyle: { borderColor: dark ? "#171c23" : "#ffffff", borderWidth: 1.5, borderRadius: 3 }, emphasis: { itemStyle: { borderColor: ink } } }],
  };
}
