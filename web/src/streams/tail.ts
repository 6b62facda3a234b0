/** The newest records of one stream, as they arrive: a bounded buffer that can be paused. */
import { useCallback, useEffect, useRef, useState } from "react";
import { api, take } from "../api/client";
import type { StreamRecord } from "./data";

// What a person can look through; older ones fall off the end.
export const TAIL_RECORDS_MAX = 1_000;
const FIRST_RECORDS = 100;
const RETRY_MS = 2_000;

export type Tail = { records: StreamRecord[]; waiting: number; lost: boolean; started: boolean };

const NOTHING: Tail = { records: [], waiting: 0, lost: false, started: false };

export function useTail(name: string, paused: boolean): { tail: Tail; clear: () => void } {
  const [tail, setTail] = useState<Tail>(NOTHING);
  const waiting = useRef<StreamRecord[]>([]);
  const isPaused = useRef(paused);

  const flush = useCallback(() => {
    setTail((old) => {
      const newest = waiting.current;
      if (isPaused.current) return newest.length === old.waiting ? old : { ...old, waiting: newest.length };
      if (newest.length === 0) return old.waiting === 0 ? old : { ...old, waiting: 0 };
      waiting.current = [];
      return { ...old, started: true, waiting: 0, records: merge(newest, old.records) };
    });
  }, []);

  useEffect(() => {
    isPaused.current = paused;
    flush();
  }, [paused, flush]);

  useEffect(() => {
    let source: EventSource;
    let gone = false;
    // What is there already; the event connection only brings what comes from now on.
    take(api.GET("/api/streams/{name}/records", { params: { path: { name }, query: { newest: true, limit: FIRST_RECORDS } } }))
      .then((page) => {
        if (!gone) setTail((old) => ({ ...old, started: true, records: merge(page.records, old.records, "older") }));
      })
      // The connection below tells the reader when the server is away.
      .catch(() => undefined);
    let retry: ReturnType<typeof setTimeout> | undefined;
    let frame = 0;
    const open = () => {
      source = new EventSource(`/api/streams/${encodeURIComponent(name)}/tail`);
      source.onopen = () => setTail((old) => ({ ...old, lost: false, started: true }));
      source.addEventListener("records", (event) => {
        const page = JSON.parse((event as MessageEvent<string>).data) as { records: StreamRecord[] };
        waiting.current = [...waiting.current, ...page.records].slice(-TAIL_RECORDS_MAX);
        cancelAnimationFrame(frame);
        frame = requestAnimationFrame(flush);
      });
      source.onerror = () => {
        source.close();
        setTail((old) => ({ ...old, lost: true, started: true }));
        retry = setTimeout(open, RETRY_MS);
      };
    };
    open();
    return () => {
      gone = true;
      clearTimeout(retry);
      cancelAnimationFrame(frame);
      source.close();
      waiting.current = [];
    };
  }, [name, flush]);

  const clear = useCallback(() => {
    waiting.current = [];
    setTail((old) => ({ ...old, records: [], waiting: 0 }));
  }, []);
  return { tail, clear };
}

/** Newest first, each record once: after a reconnect the server may send some again. */
export function merge(arrived: StreamRecord[], shown: StreamRecord[], place: "newer" | "older" = "newer"): StreamRecord[] {
  const known = new Set(shown.slice(0, TAIL_RECORDS_MAX).map(keyOf));
  const fresh = arrived.filter((record) => !known.has(keyOf(record)));
  fresh.reverse();
  return (place === "newer" ? [...fresh, ...shown] : [...shown, ...fresh]).slice(0, TAIL_RECORDS_MAX);
}

export function keyOf(record: StreamRecord): string {
  return `${record.shard}/${record.sequence}`;
}
