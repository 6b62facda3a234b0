/** How endpoints are read and asked: keys and functions for the query cache, and the invocation itself. */
import { queryOptions } from "@tanstack/react-query";
import { api, type Schemas, take } from "../api/client";
import { Problem, type ProblemBody } from "../api/problem";

export type Endpoint = Schemas["Endpoint"];
export type Deployment = Schemas["Deployment"];

/** Latencies, errors and the state of workers come by asking again. */
const EVERY_MS = 3_000;

export const endpointsQuery = queryOptions({
  queryKey: ["endpoints"],
  queryFn: () => take(api.GET("/api/endpoints")),
  refetchInterval: EVERY_MS,
});

export const endpointQuery = (name: string) =>
  queryOptions({
    queryKey: ["endpoint", name],
    queryFn: () => take(api.GET("/api/endpoints/{name}", { params: { path: { name } } })),
    refetchInterval: EVERY_MS,
  });

export type Answer = { predictions: unknown; requestId: string; tookMs: number; deployment: string | null };

/** Ask the endpoint itself, as a program would; the session's cookie and the guard's header let Studio in. */
export async function invoke(name: string, body: string, requestId: string, deployment: string | null): Promise<Answer> {
  const started = performance.now();
  const response = await fetch(`/endpoints/${encodeURIComponent(name)}/invocations`, {
    method: "POST",
    credentials: "same-origin",
    headers: {
      "content-type": "application/json", "x-gureum": "studio", "x-request-id": requestId,
      ...(deployment ? { "x-amzn-sagemaker-target-variant": deployment } : {}),
    },
    body,
  }).catch(() => {
    throw new Problem(0, { code: "network" });
  });
  const tookMs = performance.now() - started;
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, (answer ?? {}) as ProblemBody);
  const { predictions = answer } = (answer ?? {}) as { predictions?: unknown };
  return { predictions, requestId, tookMs, deployment: decodeURIComponent(response.headers.get("x-amzn-invoked-production-variant") ?? "") || null };
}
