/** The statement that runs now, or the last one that did. Lives outside the page: going away and back keeps the result. */
import { useSyncExternalStore } from "react";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { remember } from "./recent";
import type { Statement } from "./statements";

export type Run =
  | { state: "none" }
  | { state: "running"; id: string; statement: Statement; startedMs: number; before: Schemas["SqlResult"] | null }
  | { state: "done"; statement: Statement; result: Schemas["SqlResult"] }
  | { state: "failed"; statement: Statement; problem: Problem }
  | { state: "cancelled"; statement: Statement };

let now: Run = { state: "none" };
const watchers = new Set<() => void>();

function set(next: Run): void {
  now = next;
  watchers.forEach((watcher) => watcher());
}

export function useRun(): Run {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => now,
  );
}

// Reading changes nothing that a list shows.
const READS = new Set(["SELECT", "FROM", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "VALUES"]);

export async function run(statement: Statement, rowsMax: number): Promise<void> {
  if (now.state === "running") await cancel();
  const id = crypto.randomUUID();
  const before = now.state === "done" ? now.result : null;
  set({ state: "running", id, statement, startedMs: Date.now(), before });
  remember(statement.text);
  const isMine = () => now.state === "running" && now.id === id;
  try {
    const result = await take(api.POST("/api/sql", { body: { sql: statement.text, id, rows_max: rowsMax } }));
    if (isMine()) set({ state: "done", statement, result });
    if (!READS.has(result.statement.toUpperCase())) {
      void cache.invalidateQueries({ queryKey: ["tables"] });
      void cache.invalidateQueries({ queryKey: ["completion"] });
    }
  } catch (error) {
    if (isMine()) set({ state: "failed", statement, problem: asProblem(error) });
  }
}

export async function cancel(): Promise<void> {
  if (now.state !== "running") return;
  const { id, statement } = now;
  set({ state: "cancelled", statement });
  // Whether it still ran or was just done: nobody waits for it any more.
  await take(api.DELETE("/api/sql/{statement_id}", { params: { path: { statement_id: id } } })).catch(() => undefined);
}

export function forget(): void {
  set({ state: "none" });
}
