/** What a tuning tells of itself: JSON that `gureum.tuning` writes, and what is drawn of it. Pure. */
import type { RunColumn, RunPage } from "../experiments/data";
import type { Format } from "../i18n/format";
import { FONT } from "../theme/theme";
import type { Task } from "../tasks/data";
import type { Learning } from "../tasks/learning";

export type TrialState = "complete" | "pruned" | "failed" | "lost" | "stopped" | "running";
export type Trial = { number: number; state: TrialState; value: number | null; params: Record<string, unknown>; duration: number | null; reason: string | null };
export type Direction = "minimize" | "maximize";

export type Progress = Partial<{
  phase: string;
  direction: Direction;
  metric: string | null;
  run_id: string | null;
  best_value: number | null;
  ended: number;
  earlier: number;
  importance: Record<string, number>;
  trials: Trial[];
}>;

export type Result = {
  best_params: Record<string, unknown>; best_value: number; direction: Direction; metric: string | null; run_id: string | null; ended: string; trials: number; importance: Record<string, number>; experiment: string;
};

export const progressOf = (task: Task) => task.progress as Progress;
export const resultOf = (task: Task) => task.result as Result | null;

/** As `gureum.tune(model="auto")` knows them. */
export const METRICS: Record<Exclude<Learning, "auto">, string[]> = {
  binary: ["log_loss", "roc_auc", "accuracy"],
  multiclass: ["log_loss", "accuracy"],
  regression: ["rmse", "mae", "r2"],
};

/** Without a limit of its own a tuning ends after so many. */
export const TRIALS_DEFAULT = 50;
/** Below it an importance is an accident. */
export const IMPORTANCE_TRIALS_MIN = 10;

export const trialsWanted = (task: Task): number | null => (task.spec.trials ? Number(task.spec.trials) : task.spec.budget_s ? null : TRIALS_DEFAULT);

/** A stopped or a lost trial is no failure of what was tried. */
export const STATE_WORD = { complete: "ok", pruned: "stopped", failed: "failed", lost: "warning", stopped: "stopped", running: "running" } as const;

export const isValued = (trial: Trial) => trial.state === "complete" && trial.value !== null;

/** The earliest of the best. */
export function bestOf(trials: Trial[], direction: Direction | undefined): Trial | null {
  const sign = direction === "maximize" ? -1 : 1;
  return trials.filter(isValued).reduce<Trial | null>((best, one) => (best === null || sign * one.value! < sign * best.value! ? one : best), null);
}

/** The best value so far after each trial that ended by itself. */
export function bestSoFar(trials: Trial[], direction: Direction | undefined): [number, number][] {
  let best: number | null = null;
  return trials.filter(isValued).map((one) => {
    if (best === null || (direction === "maximize" ? one.value! > best : one.value! < best)) best = one.value!;
    return [one.number, best];
  });
}

/** By order: newest, best (what has no value last), or the failed ones alone. */
export function ordered(trials: Trial[], order: "newest" | "best" | "failed", direction: Direction | undefined): Trial[] {
  if (order === "newest") return [...trials].reverse();
  if (order === "failed") return trials.filter((one) => one.state === "failed" || one.state === "lost").reverse();
  const sign = direction === "maximize" ? -1 : 1;
  return [...trials].sort((a, b) => (isValued(a) ? (isValued(b) ? sign * (a.value! - b.value!) || a.number - b.number : -1) : isValued(b) ? 1 : b.number - a.number));
}

export const textOf = (value: unknown): string =>
  typeof value === "number" ? (Number.isInteger(value) ? String(value) : Number(value.toPrecision(4)).toString()) : typeof value === "string" ? value : value === null || value === undefined ? "–" : JSON.stringify(value);

/** As a page of the leaderboard, for what draws runs. */
export function asPage(trials: Trial[], metric: string): RunPage {
  const shown = trials.filter(isValued);
  const names = [...new Set(shown.flatMap((one) => Object.keys(one.params)))];
  const params = names.map((name): RunColumn => ({ kind: "params", name, values: shown.map((one) => valueOf(one.params[name])) }));
  return {
    columns: [...params, { kind: "metrics", name: metric, values: shown.map((one) => one.value) }],
    known: { metrics: [metric], params: names, tags: [] }, offset: 0, running: 0, total: shown.length,
    runs: { id: shown.map((one) => String(one.number)), name: shown.map((one) => String(one.number)), status: shown.map(() => "finished"), user: shown.map(() => null), started_at_ms: shown.map(() => null), ended_at_ms: shown.map(() => null), parent: shown.map(() => null) } as unknown as RunPage["runs"],
  };
}

function valueOf(value: unknown): RunColumn["values"][number] {
  return typeof value === "number" || typeof value === "string" ? value : value === null || value === undefined ? null : JSON.stringify(value);
}

/** Trials as points, and above them how far the best had come. */
export function curveOption(trials: Trial[], progress: Progress, words: { trial: string; best: string; one: string; value: string }, format: Format, dark: boolean) {
  const ink = dark ? "#97a3b3" : "#5b6573";
  const line = dark ? "#262d37" : "#e8ebef";
  const [first, second] = dark ? ["#4ba3e3", "#aab3bf"] : ["#0072b2", "#8b94a1"];
  const text = { color: ink, fontFamily: FONT, fontSize: 11 };
  const shown = trials.filter(isValued);
  const curve = bestSoFar(trials, progress.direction);
  const last = trials.at(-1)?.number ?? 0;
  const end = curve.at(-1);
  const number = (value: number) => format.number(value);
  return {
    animation: false,
    textStyle: text,
    color: [second, first],
    grid: { left: 12, right: 20, top: 44, bottom: 28, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 8, textStyle: text, data: [{ name: words.one, icon: "circle" }, { name: words.best, icon: "roundRect" }] },
    tooltip: {
      trigger: "axis", confine: true, backgroundColor: dark ? "#1c222a" : "#ffffff", borderColor: dark ? "#36404d" : "#d2d7de",
      textStyle: { color: dark ? "#e3e8ef" : "#161a20", fontFamily: FONT, fontSize: 12 }, valueFormatter: (value: unknown) => (typeof value === "number" ? number(value) : "–"), axisPointer: { lineStyle: { color: ink, type: "dashed" } },
    },
    xAxis: { type: "value", name: words.trial, nameLocation: "middle", nameGap: 28, nameTextStyle: text, min: trials[0]?.number ?? 0, max: Math.max(last, 1), minInterval: 1, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true }, splitLine: { show: false } },
    yAxis: { type: "value", scale: true, name: words.value, nameLocation: "end", nameGap: 12, nameTextStyle: { ...text, align: "left" }, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { ...text, formatter: number }, splitLine: { lineStyle: { color: line } }, splitNumber: 4, ...reach(shown.map((one) => one.value!), progress.direction) },
    series: [
      { name: words.one, type: "scatter", symbolSize: 6, itemStyle: { opacity: 0.75 }, data: shown.map((one) => [one.number, one.value]) },
      // The best holds until a better one comes: a staircase up to the newest trial.
      { name: words.best, type: "line", step: "end", showSymbol: false, lineStyle: { width: 2 }, data: end && end[0] < last ? [...curve, [last, end[1]]] : curve },
    ],
  };
}

// A single hopeless trial must not flatten all others: values far out on the bad side are left beyond the edge.
const QUANTILE_SHOWN = 0.9;
const OUT_BY = 1.5;

function reach(values: number[], direction: Direction | undefined): { min?: number; max?: number } {
  if (values.length < 10) return {};
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[0]!;
  const high = sorted.at(-1)!;
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  if (direction === "maximize") {
    const edge = at(1 - QUANTILE_SHOWN);
    return edge - low > OUT_BY * (high - edge) && high > edge ? { min: rounded(edge - 0.1 * (high - edge), high - edge, Math.floor) } : {};
  }
  const edge = at(QUANTILE_SHOWN);
  return high - edge > OUT_BY * (edge - low) && edge > low ? { max: rounded(edge + 0.1 * (edge - low), edge - low, Math.ceil) } : {};
}

function rounded(value: number, span: number, toward: (value: number) => number): number {
  const step = 10 ** Math.floor(Math.log10(span)) / 2;
  return Number((toward(value / step) * step).toPrecision(6));
}
