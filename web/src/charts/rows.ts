/** From rows of a result to a chart: a sensible choice of axes, and the series. Pure; for SQL and dashboards alike. */
import type { Column } from "../api/client";
import { cellText, isNumeric, isTime, numberOf, timeOf } from "../grid/cell";
import type { ChartSeries, ChartSpec } from "./Chart";

export type Rows = { columns: Column[]; rows: unknown[][] };
export type Choice = { type: "line" | "bar" | "scatter"; x: string; y: string[]; series: string | null };

// More lines than this are a thicket; more bars a fence.
const SERIES_MAX = 30;
const Y_MAX = 4;
const CATEGORIES_MAX = 200;

/** Time goes right, numbers go up, and a text that repeats for each time splits the lines. Null: nothing to draw. */
export function chooseChart({ columns, rows }: Rows): Choice | null {
  const numbers = columns.filter(isNumeric);
  const times = columns.filter(isTime);
  const texts = columns.filter((column) => column.type === "STRING" || column.type === "BOOLEAN");
  const x = times[0] ?? texts[0] ?? (numbers.length > 1 ? numbers[0] : undefined);
  const y = numbers.filter((column) => column.name !== x?.name);
  if (!x || y.length === 0) return null;
  const xPlace = columns.indexOf(x);
  const repeats = new Set(rows.map((row) => cellText(row[xPlace]))).size < rows.length;
  const split = repeats
    ? texts.find((text) => {
        if (text.name === x.name) return false;
        const place = columns.indexOf(text);
        const values = new Set(rows.map((row) => cellText(row[place])));
        return values.size > 1 && values.size <= SERIES_MAX;
      })
    : undefined;
  return {
    type: isTime(x) ? "line" : isNumeric(x) ? "scatter" : "bar",
    x: x.name,
    y: y.slice(0, split ? 1 : Y_MAX).map((column) => column.name),
    series: split?.name ?? null,
  };
}

/** The chart of a choice; null when a named column is not among the rows'. */
export function specOf({ columns, rows }: Rows, choice: Choice, extra: Partial<ChartSpec> & { unit?: string | null } = {}): ChartSpec | null {
  const place = (name: string | null) => (name === null ? -1 : columns.findIndex((column) => column.name === name));
  const xPlace = place(choice.x);
  const xColumn = columns[xPlace];
  const yPlaces = choice.y.map((name) => [name, place(name)] as const).filter(([, index]) => index >= 0);
  if (!xColumn || yPlaces.length === 0) return null;
  const seriesPlace = place(choice.series);
  const looksLikeTime = isTime(xColumn) || (!isNumeric(xColumn) && rows.length > 0 && rows.slice(0, 20).every((row) => /^\d{4}-\d\d-\d\d/.test(cellText(row[xPlace]))));
  const kind = looksLikeTime && choice.type !== "bar" ? "time" : isNumeric(xColumn) && choice.type !== "bar" ? "number" : looksLikeTime ? "time" : "category";

  const found = new Map<string, ChartSeries>();
  for (const row of rows) {
    const raw = row[xPlace];
    const x = kind === "time" ? timeOf(raw) : kind === "number" ? numberOf(raw) : raw === null ? "null" : cellText(raw);
    if (x === null) continue;
    for (const [index, [yName, yPlace]] of yPlaces.entries()) {
      const group = seriesPlace < 0 ? null : row[seriesPlace] === null ? "null" : cellText(row[seriesPlace]);
      const name = group === null ? yName : yPlaces.length > 1 ? `${group} · ${yName}` : group;
      let one = found.get(name);
      if (!one) found.set(name, (one = group === null ? { name, colour: index, points: [] } : { name, points: [] }));
      one.points.push([x, numberOf(row[yPlace])]);
    }
  }
  const series = [...found.values()].sort((a, b) => (seriesPlace < 0 ? 0 : a.name.localeCompare(b.name, undefined, { numeric: true }))).slice(0, SERIES_MAX);
  for (const one of series) {
    if (kind === "category") one.points = one.points.slice(0, CATEGORIES_MAX);
    else one.points.sort((a, b) => (a[0] as number) - (b[0] as number));
  }
  const { unit, ...rest } = extra;
  return {
    type: choice.type,
    x: { kind, title: kind === "time" ? "" : choice.x },
    y: { title: yPlaces.map(([name]) => name).join(", "), unit },
    series,
    ...rest,
  };
}
