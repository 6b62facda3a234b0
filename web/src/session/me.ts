/** Who is signed in, and what they may do at all. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { cache } from "../api/cache";
import { api, type Permission, type Schemas, take } from "../api/client";

export type Me = Schemas["Me"];

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: () => take(api.GET("/api/me")),
  staleTime: 60_000,
});

export function useMe(): Me | undefined {
  return useQuery(meQuery).data;
}

/** Editors and administrators make things; viewers see what they were granted. */
export function useMayMake(): boolean {
  const me = useMe();
  return me?.role === "admin" || me?.role === "editor";
}

export function may(permission: Permission | undefined, wanted: Permission): boolean {
  const rank = { read: 0, write: 1, manage: 2 };
  return permission !== undefined && rank[permission] >= rank[wanted];
}

export async function signOut(): Promise<void> {
  await take(api.DELETE("/api/session"));
  cache.clear();
  window.location.assign("/");
}
