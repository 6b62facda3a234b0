/** The one way from Studio to the REST door. Types come from openapi.json (`npm run api`). */
import createClient, { type Middleware } from "openapi-fetch";
import { Problem, type ProblemBody } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Permission = Schemas["Permission"];
export type Column = Schemas["ColumnModel"];

// The server refuses a changing request without this header: another site's page cannot send it (CSRF guard).
const guard: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET") request.headers.set("X-Gureum", "studio");
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin" });
api.use(guard);

/** The body of a good answer; a Problem is thrown for every other one, and for no answer at all. */
export async function take<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call.catch((reason: unknown) => {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason;
    throw new Problem(0, { code: "network" });
  });
  if (!response.ok) {
    const body = typeof error === "object" && error !== null ? (error as ProblemBody) : {};
    throw new Problem(response.status, body);
  }
  return data as T;
}
