/** How registered models are read: keys and functions for the query cache. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Model = Schemas["ModelSummary"];

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: () => take(api.GET("/api/models")),
});

export const modelQuery = (name: string) =>
  queryOptions({
    queryKey: ["model", name],
    queryFn: () => take(api.GET("/api/models/{name}", { params: { path: { name } } })),
  });
