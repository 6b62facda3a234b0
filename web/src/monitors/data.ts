/** How monitors are read: keys and functions for the query cache, and what a window's report holds. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Monitor = Schemas["Monitor"];
export type MonitorWindow = Schemas["MonitorWindow"];

/** The gateway sends no events about monitors: a page that shows one asks so often, and rests while it is hidden. */
const EVERY_MS = 2_500;

export const monitorsQuery = queryOptions({
  queryKey: ["monitors"],
  queryFn: () => take(api.GET("/api/monitors")),
  refetchInterval: EVERY_MS,
});

export const monitorQuery = (name: string) =>
  queryOptions({
    queryKey: ["monitor", name],
    queryFn: () => take(api.GET("/api/monitors/{name}", { params: { path: { name } } })),
    refetchInterval: EVERY_MS,
  });

const OLDER_MAX = 200;

export const olderWindowsQuery = (name: string) =>
  queryOptions({
    queryKey: ["monitor", name, "older"],
    queryFn: () => take(api.GET("/api/monitors/{name}/windows", { params: { path: { name }, query: { limit: OLDER_MAX } } })),
  });

/** A window that has been checked does not change any more. */
export const windowQuery = (name: string, number: number) =>
  queryOptions({
    queryKey: ["monitor", name, "window", number],
    queryFn: async () => {
      const found = await take(api.GET("/api/monitors/{name}/windows/{number}", { params: { path: { name, number } } }));
      return { ...found, report: found.report as Report | null };
    },
    staleTime: Infinity,
  });

export const constraintsQuery = (name: string) =>
  queryOptions({
    queryKey: ["monitor", name, "constraints"],
    queryFn: () => take(api.GET("/api/monitors/{name}/constraints", { params: { path: { name } } })),
    staleTime: Infinity,
  });

// --- what a report holds: JSON that `gureum.monitor` writes ---------------------------------------------------------------

export type Finding = { kind: string; feature: string; severity: string; effect: number; alarm: boolean; text: { en: string; ko: string } };

export type Moved = { score: string; subject: string; before: number | null; after: number | null; effect: number | null };

export type Summary = Partial<Record<"rows" | "missing" | "mean" | "std_dev" | "median" | "p05" | "p95" | "min" | "max", number | null>>;

export type Histogram = { before: number[]; after: number[]; edges?: number[]; values?: string[] };

export type FeatureDrift = {
  feature: string;
  kind: string;
  drifted: boolean;
  effect: number | null;
  distance: number | null;
  moved: Moved[];
  before: Summary;
  after: Summary;
  /** absent where nothing moved and the picture was not kept */ histogram?: Histogram;
  unit: { name: string; factor: number; offset: number } | null;
};

export type Violation = { feature_name: string; constraint_check_type: string; description: string };

export type Metric = { name: string; value: number | null; low: number | null; high: number | null; baseline: number | null; estimated: boolean };

export type Report = {
  rows: number;
  findings: Finding[];
  violations: Violation[];
  drift: FeatureDrift[];
  prediction: FeatureDrift | null;
  target: FeatureDrift | null;
  performance: Metric[];
};
