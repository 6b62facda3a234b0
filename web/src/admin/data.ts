/** How people and groups are read. */
import { queryOptions } from "@tanstack/react-query";
import { api, take } from "../api/client";

export const usersQuery = queryOptions({ queryKey: ["users"], queryFn: () => take(api.GET("/api/users")) });
export const groupsQuery = queryOptions({ queryKey: ["groups"], queryFn: () => take(api.GET("/api/groups")) });
