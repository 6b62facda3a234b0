/** How tasks are read: keys and functions for the query cache. A fit and a tuning are tasks; so is a monitor's learning. */
import { queryOptions } from "@tanstack/react-query";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";

export type Task = Schemas["TaskState"];
export type TaskKind = "autopilot" | "tuning";

export const ENDED = ["done", "failed", "cancelled"];
export const hasEnded = (task: Task) => ENDED.includes(task.state);

/** The gateway sends no events about tasks: a page asks again, often while one runs. */
const EVERY_MS = 1_000;
const LIST_EVERY_MS = 2_500;
const IDLE_EVERY_MS = 15_000;
// What a person looks through; the list is brief, so this many are a small answer.
const LISTED_MAX = 500;

/** Newest first, without what is long in them. */
export const tasksQuery = (kind: TaskKind) =>
  queryOptions({
    queryKey: ["tasks", kind],
    queryFn: () => take(api.GET("/api/tasks", { params: { query: { kind, brief: true, limit: LISTED_MAX } } })),
    refetchInterval: ({ state }) => (state.data?.every(hasEnded) ? IDLE_EVERY_MS : LIST_EVERY_MS),
  });

export const taskQuery = (id: string) =>
  queryOptions({
    queryKey: ["task", id],
    queryFn: () => take(api.GET("/api/tasks/{task_id}", { params: { path: { task_id: id } } })),
    refetchInterval: ({ state }) => (state.data && hasEnded(state.data) ? false : EVERY_MS),
  });

export const taskLogQuery = (id: string, running: boolean) =>
  queryOptions({
    queryKey: ["task", id, "log", running],
    queryFn: () => take(api.GET("/api/tasks/{task_id}/log", { params: { path: { task_id: id } } })),
    refetchInterval: running ? LIST_EVERY_MS : false,
  });

/** What was handed over does not change any more. */
export const taskFileQuery = (id: string, file: string) =>
  queryOptions({
    queryKey: ["task", id, "file", file],
    queryFn: async () => String(await take(api.GET("/api/tasks/{task_id}/files/{file}", { params: { path: { task_id: id, file } }, parseAs: "text" }))),
    staleTime: Infinity,
  });

export const fileAddress = (id: string, file: string) => `/api/tasks/${encodeURIComponent(id)}/files/${encodeURIComponent(file)}`;

export async function cancelTask(id: string): Promise<void> {
  const task = await take(api.POST("/api/tasks/{task_id}/cancel", { params: { path: { task_id: id } } }));
  cache.setQueryData(["task", id], task);
  void cache.invalidateQueries({ queryKey: ["tasks"] });
}

export const taskErrorOf = (task: Task | undefined) => (task?.error ?? null) as { code?: string; message?: string; hint?: string | null } | null;

/** The first one needs a look: what runs, then what ended last. */
export const RANK = { running: 0, stopping: 1, waiting: 2, failed: 3, done: 4, cancelled: 5 };
