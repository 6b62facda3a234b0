/** The app's one event connection: figures flow into the query cache, so every page updates in place.
 *
 * Called by shell/Frame once somebody is signed in. Promise: after a lost connection everything on screen is read again.
 */
import { useSyncExternalStore } from "react";
import { cache } from "./cache";
import type { Schemas } from "./client";

export type Connection = { state: "connecting" | "open" | "lost"; lastAtMs: number | null };

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 20_000;
// `status` comes every 2 s: this long without anything means that the connection is dead even if the socket is not.
const SILENCE_MS_MAX = 12_000;

let source: EventSource | null = null;
let retryMs = RETRY_MS_MIN;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let silenceTimer: ReturnType<typeof setInterval> | undefined;
let connection: Connection = { state: "connecting", lastAtMs: null };
const watchers = new Set<() => void>();
const tableListeners = new Set<(table: string) => void>();

export function startLive(): () => void {
  open();
  silenceTimer = setInterval(() => {
    if (connection.state === "open" && Date.now() - (connection.lastAtMs ?? 0) > SILENCE_MS_MAX) lose();
  }, 2_000);
  return () => {
    clearInterval(silenceTimer);
    clearTimeout(retryTimer);
    source?.close();
    source = null;
    set({ state: "connecting", lastAtMs: null });
  };
}

/** Try at once, without waiting for the back-off. */
export function reconnect(): void {
  clearTimeout(retryTimer);
  retryMs = RETRY_MS_MIN;
  open();
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => connection);
}

/** `listener` is called with a table's name each time that table has a new version, and with "*" after a reconnect. */
export function onTableChange(listener: (table: string) => void): () => void {
  tableListeners.add(listener);
  return () => tableListeners.delete(listener);
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function set(next: Connection): void {
  const changed = next.state !== connection.state;
  connection = changed ? next : Object.assign(connection, next);
  if (changed) watchers.forEach((watcher) => watcher());
}

function open(): void {
  source?.close();
  const current = new EventSource("/api/events");
  source = current;
  current.onopen = () => {
    const wasLost = connection.state === "lost";
    retryMs = RETRY_MS_MIN;
    set({ state: "open", lastAtMs: Date.now() });
    if (wasLost) {
      void cache.invalidateQueries();
      tableListeners.forEach((listener) => listener("*"));
    }
  };
  current.onerror = () => {
    if (source === current) lose();
  };
  for (const [name, receive] of Object.entries(RECEIVERS)) {
    current.addEventListener(name, (event) => {
      set({ state: "open", lastAtMs: Date.now() });
      receive(JSON.parse((event as MessageEvent<string>).data) as never);
    });
  }
}

function lose(): void {
  source?.close();
  source = null;
  set({ state: "lost", lastAtMs: connection.lastAtMs });
  // An ended session looks the same as a lost server here: asking who we are tells them apart.
  void cache.invalidateQueries({ queryKey: ["me"] });
  clearTimeout(retryTimer);
  retryTimer = setTimeout(open, retryMs * (0.8 + Math.random() * 0.4));
  retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
}

type QueryFigures = { name: string; status: Schemas["QueryStatus"] };

/** Rows and sizes in the list of tables change with each version; reading them again for each would be too much. */
const TABLES_EVERY_MS = 3_000;
let tablesTimer: ReturnType<typeof setTimeout> | undefined;

function readTablesSoon(): void {
  tablesTimer ??= setTimeout(() => {
    tablesTimer = undefined;
    void cache.invalidateQueries({ queryKey: ["tables"] });
  }, TABLES_EVERY_MS);
}

const RECEIVERS = {
  ping: () => undefined,
  status: (status: Schemas["PlatformStatus"]) => {
    cache.setQueryData(["status"], status);
  },
  streams: (streams: Schemas["Stream"][]) => {
    cache.setQueryData(["streams"], streams);
    for (const stream of streams) {
      cache.setQueryData<Schemas["StreamDetail"]>(["stream", stream.name], (old) => (old ? { ...old, ...stream } : old));
      remember(`stream:${stream.name}`, [stream.records_per_s]);
    }
  },
  queries: (figures: QueryFigures[]) => {
    const byName = new Map(figures.map((one) => [one.name, one.status]));
    cache.setQueryData<Schemas["Query"][]>(["queries"], (old) =>
      old?.map((query) => ({ ...query, status: byName.get(query.name) ?? query.status })),
    );
    for (const { name, status } of figures) {
      cache.setQueryData<Schemas["Query"]>(["query", name], (old) => (old ? { ...old, status } : old));
      remember(`query:${name}`, [status.rows_in_per_s, status.rows_out_per_s]);
    }
    const known = cache.getQueryData<Schemas["Query"][]>(["queries"]);
    if (known && figures.some((one) => !known.some((query) => query.name === one.name))) {
      void cache.invalidateQueries({ queryKey: ["queries"] });
    }
  },
  /** `version` is null when the table is gone, or no longer ours to see. */
  table: ({ name, version }: { name: string; version: number | null }) => {
    cache.setQueryData<Schemas["Table"][]>(["tables"], (old) =>
      version === null
        ? old?.filter((table) => table.name !== name)
        : old?.map((table) => (table.name === name ? { ...table, version, updated_at_ms: Date.now() } : table)),
    );
    const known = cache.getQueryData<Schemas["Table"][]>(["tables"]);
    if (version !== null && known && !known.some((table) => table.name === name)) {
      void cache.invalidateQueries({ queryKey: ["tables"] });
    } else {
      readTablesSoon();
    }
    void cache.invalidateQueries({ queryKey: ["table", name], exact: true });
    tableListeners.forEach((listener) => listener(name));
  },
  alerts: (alerts: Schemas["Alerts"]) => {
    cache.setQueryData(["alerts"], alerts);
  },
};

// --- what was seen, so that a rate has a past --------------------------------------------------------------------------

export type Seen = { atMs: number; values: number[] };

// 10 minutes of one event every 2 s.
const SEEN_MAX = 300;
const seen = new Map<string, Seen[]>();

function remember(key: string, values: number[]): void {
  const past = seen.get(key) ?? [];
  seen.set(key, [...past.slice(-SEEN_MAX + 1), { atMs: Date.now(), values }]);
}

/** What was seen of `stream:<name>` or `query:<name>` since Studio was opened, oldest first. */
export function seenSoFar(key: string): Seen[] {
  return seen.get(key) ?? NOTHING_SEEN;
}

const NOTHING_SEEN: Seen[] = [];
