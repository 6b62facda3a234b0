/** How streams are read: keys and functions for the query cache. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";

export type Stream = Schemas["Stream"];

export const streamsQuery = queryOptions({
  queryKey: ["streams"],
  queryFn: () => take(api.GET("/api/streams")),
});

export type StreamDetail = Schemas["StreamDetail"];
export type StreamRecord = Schemas["StreamRecord"];

export const streamQuery = (name: string) =>
  queryOptions({
    queryKey: ["stream", name],
    queryFn: () => take(api.GET("/api/streams/{name}", { params: { path: { name } } })),
  });
