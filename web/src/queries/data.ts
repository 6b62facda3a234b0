/** How queries are read: keys and functions for the query cache. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Query = Schemas["Query"];

export const queriesQuery = queryOptions({
  queryKey: ["queries"],
  queryFn: () => take(api.GET("/api/queries")),
});

export const queryQuery = (name: string) =>
  queryOptions({
    queryKey: ["query", name],
    queryFn: () => take(api.GET("/api/queries/{name}", { params: { path: { name } } })),
  });

export const queryRowsQuery = (name: string, limit: number) =>
  queryOptions({
    queryKey: ["query", name, "rows", limit],
    queryFn: () => take(api.GET("/api/queries/{name}/rows", { params: { path: { name }, query: { limit } } })),
    placeholderData: (old: Schemas["QueryRows"] | undefined) => old,
  });

export const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: () => take(api.GET("/api/alerts")),
});

export const destinationsQuery = queryOptions({
  queryKey: ["destinations"],
  queryFn: () => take(api.GET("/api/destinations")),
});
