/** How experiments and runs are read: keys and functions for the query cache, and what a page's columns are. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Experiment = Schemas["ExperimentSummary"];
export type RunPage = Schemas["RunPage"];
export type RunColumn = Schemas["RunColumn"];
export type RunDetail = Schemas["RunDetail"];
export type RunStatus = Schemas["RunDetail"]["status"];

// While something runs, figures are read again so often; else not at all.
export const LIVE_EVERY_MS = 2_000;
// One page of the leaderboard: what a person scrolls through; beyond it, filters find.
export const RUNS_SHOWN_MAX = 5_000;
// Compared without choosing: more lines than this are a blot.
export const COMPARED_MAX = 1_000;
// Curves of so many runs can still be told apart by hover.
export const CURVES_MAX = 20;
export const NEWEST_FIRST = "attributes.start_time";

const LIST_EVERY_MS = 5_000;

export const experimentsQuery = queryOptions({
  queryKey: ["experiments"],
  queryFn: () => take(api.GET("/api/experiments")),
  refetchInterval: (query) => (query.state.data?.some((one) => one.running > 0) ? LIST_EVERY_MS : false),
});

export const experimentQuery = (id: string) =>
  queryOptions({
    queryKey: ["experiment", id],
    queryFn: () => take(api.GET("/api/experiments/{experiment_id}", { params: { path: { experiment_id: id } } })),
  });

export type Asked = { filter: string; sort: string; descending: boolean; columns?: string[]; runs?: string[]; limit?: number };

export const runsQuery = (id: string, { filter, sort, descending, columns, runs, limit = RUNS_SHOWN_MAX }: Asked) =>
  queryOptions({
    queryKey: ["experiment", id, "runs", filter, sort, descending, columns, runs, limit],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/experiments/{experiment_id}/runs", {
          params: { path: { experiment_id: id }, query: { filter, sort, descending, column: columns, run: runs, limit } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.running ?? 0) > 0 ? LIVE_EVERY_MS : false),
  });

export const curvesQuery = (id: string, runs: string[], metrics: string[], live: boolean) =>
  queryOptions({
    queryKey: ["experiment", id, "curves", runs, metrics],
    queryFn: () =>
      take(
        api.GET("/api/experiments/{experiment_id}/curves", {
          params: { path: { experiment_id: id }, query: { run: runs, metric: metrics } },
        }),
      ),
    enabled: runs.length > 0 && metrics.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: live ? LIVE_EVERY_MS : false,
  });

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ["run", id],
    queryFn: () => take(api.GET("/api/runs/{run_id}", { params: { path: { run_id: id } } })),
    refetchInterval: (query) => (query.state.data?.status === "running" ? LIVE_EVERY_MS : false),
  });

export const artifactsQuery = (id: string, path: string) =>
  queryOptions({
    queryKey: ["run", id, "artifacts", path],
    queryFn: () => take(api.GET("/api/runs/{run_id}/artifacts", { params: { path: { run_id: id }, query: { path } } })),
  });

export const findingsQuery = (id: string, live: boolean) =>
  queryOptions({
    queryKey: ["run", id, "findings"],
    queryFn: () => take(api.GET("/api/runs/{run_id}/findings", { params: { path: { run_id: id } } })),
    refetchInterval: live ? LIVE_EVERY_MS : false,
  });

export const fieldOf = (column: Pick<RunColumn, "kind" | "name">) => `${column.kind}.${column.name}`;

/** The id is whole in the address; a person tells runs apart by the beginning of it. */
export const shortId = (id: string) => id.slice(0, 8);
