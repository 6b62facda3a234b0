/** What a fit tells of itself while it runs and in the end: JSON that `gureum.autopilot` writes. Pure. */
import type { Task } from "../tasks/data";
import type { Learning } from "../tasks/learning";

export type Candidate = { name: string; family: string; params: Record<string, unknown>; seconds: number; score: number; weight?: number };
export type Finding = { what: string; column: string | null; reason: string; left_out: boolean };
export type Failure = { name: string; family: string; error: string };

export type Progress = Partial<{
  phase: string;
  spent_s: number;
  leaderboard: Candidate[];
  failed: number;
  failures: Failure[];
  judged: number;
  best: number | null;
  findings: Finding[];
  rows: number;
  columns: number;
  task: string;
  metric: string;
  folds: number;
}>;

export type Result = { run_id: string | null; model: string; version: string; metric: string; score: number; task: string; candidates: number; spent_s: number; rows: number; findings: Finding[] };

export const progressOf = (task: Task) => task.progress as Progress;
export const resultOf = (task: Task) => task.result as Result | null;
export const budgetOf = (task: Task) => Number(task.spec.budget_s ?? 60);

/** As `gureum.autopilot` knows them. */
export const METRICS: Record<Exclude<Learning, "auto">, string[]> = {
  binary: ["roc_auc", "average_precision", "log_loss", "brier", "accuracy", "balanced_accuracy", "f1", "f1_macro", "mcc"],
  multiclass: ["log_loss", "roc_auc", "accuracy", "balanced_accuracy", "f1_macro", "mcc"],
  regression: ["rmse", "mse", "mae", "medae", "mape", "rmsle", "r2"],
};

export const STEPS = ["read", "explore", "search", "assemble", "hand"] as const;
const STEP_OF: Record<string, (typeof STEPS)[number]> = { read: "read", data: "explore", explore: "explore", prepare: "explore", search: "search", stopped: "search", ensemble: "assemble", done: "hand", register: "hand" };

/** The place of a phase among the steps; -1 before the first. */
export const stepOf = (phase: string | undefined) => (phase && phase in STEP_OF ? STEPS.indexOf(STEP_OF[phase]!) : -1);

const PHASES = ["waiting", "read", "data", "explore", "prepare", "search", "stopped", "ensemble", "done", "register"] as const;
export type Phase = (typeof PHASES)[number];
export const phaseOf = (progress: Progress): Phase | null => PHASES.find((phase) => phase === progress.phase) ?? null;

const KINDS = ["id", "leak", "constant", "empty", "duplicate", "group", "target", "rare class", "imbalance", "sample", "unread"] as const;
export const kindOf = (finding: Finding) => KINDS.find((kind) => kind === finding.what) ?? "other";

/** What was left out stands first, then what warns. */
export function inOrder(findings: Finding[]): Finding[] {
  const rank = (finding: Finding) => (finding.what === "leak" ? 0 : finding.left_out ? 1 : 2);
  return [...findings].sort((a, b) => rank(a) - rank(b));
}

/** The models that vote, the heaviest first. */
export const membersOf = (leaderboard: Candidate[]) => leaderboard.filter((one) => (one.weight ?? 0) > 0).sort((a, b) => b.weight! - a.weight!);

/** A score as a person compares it: five digits. */
export const scoreText = (value: number | null | undefined, language: string) =>
  value === null || value === undefined || !Number.isFinite(value) ? "–" : new Intl.NumberFormat(language, { maximumSignificantDigits: 5, minimumSignificantDigits: Math.abs(value) < 10_000 ? 5 : 1 }).format(value);
