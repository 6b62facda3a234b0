/** What completion knows: read once, kept for minutes, renewed after a statement that makes or drops something. */
import { queryOptions } from "@tanstack/react-query";
import { api, take } from "../api/client";

export const completionQuery = queryOptions({
  queryKey: ["completion"],
  queryFn: () => take(api.GET("/api/sql/completion")),
  staleTime: 60_000,
});
