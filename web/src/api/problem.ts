/** A failed request as the server tells it (problem+json): what happened, what to do, where, and the request's id. */

export interface ProblemBody {
  status?: number;
  title?: string;
  detail?: string;
  code?: string;
  hint?: string | null;
  details?: Record<string, unknown> | null;
  request_id?: string | null;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly requestId: string | null;
  readonly details: Record<string, unknown>;

  constructor(status: number, body: ProblemBody) {
    super(body.detail ?? body.title ?? "");
    this.name = "Problem";
    this.status = status;
    this.code = body.code ?? (status === 0 ? "network" : `http.${status}`);
    this.hint = body.hint ?? null;
    this.requestId = body.request_id ?? null;
    this.details = body.details ?? {};
  }

  /** Where in the sent text it is wrong, counted from 1; null when the server did not say. */
  get place(): { line: number; column: number } | null {
    const { line, column } = this.details;
    return typeof line === "number" ? { line, column: typeof column === "number" ? column : 1 } : null;
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) return new Problem(0, { code: "network" });
  return new Problem(0, { code: "studio", detail: error instanceof Error ? error.message : String(error) });
}
