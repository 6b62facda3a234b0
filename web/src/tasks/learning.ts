/** What a fit and a tuning are told alike, and which field of their forms an error is about. Pure. */
import { asProblem } from "../api/problem";

export type Learning = "auto" | "binary" | "multiclass" | "regression";
export const LEARNINGS: Learning[] = ["auto", "binary", "multiclass", "regression"];

export type Field = "source" | "target" | "task" | "metric" | "name" | "budget" | "trials" | "time" | "group" | "columns" | "folds" | "runtime";
export type Wrong = { field: Field; text: string };

type Told = { code?: string; message?: string; hint?: string | null; details?: Record<string, unknown> };

// The codes of errors, by their beginning, and the field that mends them.
const FIELDS: [RegExp, Field][] = [
  [/^name\./, "name"],
  [/^(experiment|model|tuning)\.(name|exists)/, "name"],
  [/\.(target|class|classes|positive)$/, "target"],
  [/\.metric$/, "metric"],
  [/\.budget$/, "budget"],
  [/\.task$/, "task"],
  [/\.group$/, "group"],
  [/^runtime\./, "runtime"],
  [/^(table|sql|stream|column)\./, "source"],
  [/\.(data|rows|columns)$/, "source"],
];
const BODY_FIELDS: Record<string, Field> = { name: "name", table: "source", target: "target", task: "task", metric: "metric", budget_s: "budget", trials: "trials", runtime: "runtime" };
const OPTIONS: [RegExp, Field][] = [[/time_column/, "time"], [/group_column/, "group"], [/ignore|keep/, "columns"], [/folds|holdout/, "folds"]];

/** Where in the form an error belongs; null for one that is about no field. */
export function wrongOf(error: Told | null): Wrong | null {
  if (!error?.code) return null;
  const text = [error.message, error.hint].filter(Boolean).join(" – ");
  const body = error.code === "request.invalid" ? BODY_FIELDS[String(error.details?.field)] : undefined;
  // An option's error names the option, or the column that the option names.
  const option = OPTIONS.find(([words]) => words.test(error.message ?? ""))?.[1];
  const field = body ?? option ?? FIELDS.find(([code]) => code.test(error.code!))?.[1];
  return field ? { field, text } : null;
}

export function wrongOfRequest(error: unknown): Wrong | null {
  const { code, message, hint, details } = asProblem(error);
  return wrongOf({ code, message, hint, details });
}

/** Named after the table and the target until somebody types a name. */
export function nameFor(source: string, target: string): string {
  return [source.replace(/^.*\./, ""), target].filter(Boolean).join("_").replace(/[^A-Za-z0-9_가-힣-]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 100);
}
