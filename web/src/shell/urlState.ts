/** What a page keeps in its address, so that reload, back and a shared link show the same thing. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

export interface UrlState {
  /** filter text */ q?: string;
  sort?: string;
  dir?: "asc" | "desc";
  tab?: string;
  version?: string;
  shard?: string;
  /** SQL page: shared text, mode, name of a new query, chart */ query?: string;
  mode?: "standing";
  chart?: string;
  x?: string;
  y?: string;
  series?: string;
  edit?: string;
  view?: string;
  kind?: string;
  name?: string;
  /** experiments: columns shown, runs chosen and pinned, the metric of the curves, the folder of a run's files */ columns?: string;
  runs?: string;
  pin?: string;
  metric?: string;
  path?: string;
  /** a run's debugger: the finding that is open */ finding?: string;
  /** monitors: the cell of the heat map, the task that learns; the task that a new one is like */ window?: string;
  feature?: string;
  task?: string;
  /** what a new monitor or endpoint begins with */ model?: string;
  table?: string;
  endpoint?: string;
  prediction?: string;
  target?: string;
  /** where a one-time link leads to */ next?: string;
}

/** Change several values of the address in one step. */
export function useUrlPatch(push = false) {
  const navigate = useNavigate();
  return useCallback(
    (patch: UrlState) =>
      void navigate({
        to: ".",
        search: (old: UrlState) => ({ ...old, ...patch }),
        replace: !push,
        resetScroll: false,
      }),
    [navigate, push],
  );
}

/** One value of the address. Setting undefined or "" takes it out; `push` adds a step for the back button. */
export function useUrlState<Key extends keyof UrlState>(key: Key, push = false) {
  const value = useSearch({ strict: false })[key];
  const patch = useUrlPatch(push);
  const set = useCallback((next: UrlState[Key] | undefined) => patch({ [key]: next === "" ? undefined : next }), [patch, key]);
  return [value, set] as const;
}
