/** The rows of one widget, read again when a table behind them has a new version; the last good ones stay on an error. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api, take } from "../api/client";
import { onTableChange } from "../api/live";

// A table may get many versions a second; a person sees one picture.
const AGAIN_MS_MIN = 1_000;
// SQL may also look at the clock, or at a table that nobody tells about.
const AGAIN_MS_MAX = 60_000;
const ROWS_MAX = 10_000;

export function useWidgetRows(sql: string | null | undefined) {
  const rows = useQuery({
    queryKey: ["widget", sql],
    queryFn: async () => ({ ...(await take(api.POST("/api/sql", { body: { sql: sql!, rows_max: ROWS_MAX } }))), atMs: Date.now() }),
    enabled: Boolean(sql?.trim()),
    placeholderData: keepPreviousData,
    refetchInterval: AGAIN_MS_MAX,
    staleTime: 5_000,
  });
  const { refetch } = rows;
  const tables = useRef<string[]>([]);
  useEffect(() => {
    tables.current = rows.data?.tables ?? [];
  }, [rows.data]);
  useEffect(() => {
    let waiting: ReturnType<typeof setTimeout> | undefined;
    let lastMs = 0;
    let reads = false;
    let changedMeanwhile = false;
    const soon = () => {
      waiting ??= setTimeout(again, Math.max(0, lastMs + AGAIN_MS_MIN - Date.now()));
    };
    const again = () => {
      waiting = undefined;
      // A read that began before the newest version may miss it: it is not cut off, but followed by another.
      if (reads) {
        changedMeanwhile = true;
        return;
      }
      lastMs = Date.now();
      reads = true;
      void refetch({ cancelRefetch: false }).finally(() => {
        reads = false;
        if (changedMeanwhile) {
          changedMeanwhile = false;
          soon();
        }
      });
    };
    const stop = onTableChange((table) => {
      if (table === "*" || tables.current.includes(table)) soon();
    });
    return () => {
      stop();
      clearTimeout(waiting);
    };
  }, [refetch]);
  return rows;
}
