/** How tables are read: keys and functions for the query cache. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Table = Schemas["Table"];

export const tablesQuery = queryOptions({
  queryKey: ["tables"],
  queryFn: () => take(api.GET("/api/tables")),
});

export type TableDetail = Schemas["TableDetail"];

export const tableQuery = (name: string) =>
  queryOptions({
    queryKey: ["table", name],
    queryFn: () => take(api.GET("/api/tables/{name}", { params: { path: { name } } })),
  });

export const historyQuery = (name: string, newest: number | null) =>
  queryOptions({
    queryKey: ["table", name, "history", newest],
    queryFn: () => take(api.GET("/api/tables/{name}/history", { params: { path: { name } } })),
    placeholderData: (old: Schemas["TableVersion"][] | undefined) => old,
  });

export const SAMPLE_ROWS = 200;

export const sampleQuery = (name: string, version: number | null) =>
  queryOptions({
    queryKey: ["table", name, "sample", version],
    queryFn: () =>
      take(api.GET("/api/tables/{name}/sample", { params: { path: { name }, query: { limit: SAMPLE_ROWS, version } } })),
    placeholderData: (old: Schemas["SqlResult"] | undefined) => old,
  });
