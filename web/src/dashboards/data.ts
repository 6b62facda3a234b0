/** How dashboards are read: keys and functions for the query cache. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Dashboard = Schemas["Dashboard"];

export const dashboardsQuery = queryOptions({
  queryKey: ["dashboards"],
  queryFn: () => take(api.GET("/api/dashboards")),
});

export type DashboardSpec = Schemas["DashboardChange"]["spec"];
export type Widget = NonNullable<DashboardSpec["widgets"]>[number];

export const dashboardQuery = (name: string) =>
  queryOptions({
    queryKey: ["dashboard", name],
    queryFn: () => take(api.GET("/api/dashboards/{name}", { params: { path: { name } } })),
  });
