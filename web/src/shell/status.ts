/** What runs and what is wrong: read once, then kept fresh by the event connection. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, take } from "../api/client";

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: () => take(api.GET("/api/status")),
});

export function useKinesisEndpoint(): string | null {
  return useQuery(statusQuery).data?.kinesis_endpoint ?? null;
}
