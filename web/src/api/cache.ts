/** The query cache: what is kept, for how long, and when a failed read is tried again. */
import { QueryClient } from "@tanstack/react-query";
import { asProblem } from "./problem";

export const cache = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: false,
      // What the caller must change does not get better by asking again; a restarting process does.
      retry: (failures, error) => {
        const { status } = asProblem(error);
        return failures < 2 && (status === 0 || status >= 502);
      },
      retryDelay: (attempt) => 600 * 2 ** attempt,
    },
  },
});
