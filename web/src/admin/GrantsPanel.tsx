/** Who may do what with one thing; given and taken away here. */
import { Autocomplete, Button, Group, Select, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Permission, type Schemas, take } from "../api/client";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { useMe } from "../session/me";
import { groupsQuery, usersQuery } from "./data";
import { GranteeName } from "./GranteeName";

const PERMISSIONS: Permission[] = ["read", "write", "manage"];
export const EVERYONE = "group:everyone";

export type Kind = "stream" | "table" | "query" | "dashboard" | "destination" | "experiment" | "model" | "endpoint" | "monitor";

export function GrantsPanel({ kind, name }: { kind: Kind; name: string }) {
  const { t } = useTranslation();
  const grants = useQuery({
    queryKey: ["grants", kind, name],
    queryFn: () => take(api.GET("/api/grants", { params: { query: { kind, name } } })),
  });
  const change = useMutation({
    mutationFn: (body: Schemas["GrantChange"]) => take(api.PUT("/api/grants", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["grants"] }),
  });
  return (
    <Stack data-testid="grants">
      <Text size="sm" c="dimmed">
        {t("admin.grantsText")}
      </Text>
      <NewGrant kind={kind} name={name} busy={change.isPending} give={change.mutate} />
      {change.error ? <ProblemCard error={change.error} compact /> : null}
      {grants.error && !grants.data ? (
        <ProblemCard error={grants.error} retry={() => void grants.refetch()} />
      ) : (
        <SmallTable
          label={t("admin.grants")}
          rows={grants.data}
          rowKey={(grant) => `${grant.kind}/${grant.name}/${grant.grantee}`}
          empty={<EmptyState small title={t("admin.noGrants")} text={t("admin.noGrantsText")} />}
          columns={[
            { id: "grantee", header: t("admin.grantee"), cell: (grant) => <GranteeName grantee={grant.grantee} /> },
            {
              id: "permission",
              header: t("admin.permission"),
              width: 170,
              cell: (grant) => (
                <Select
                  size="xs"
                  aria-label={t("admin.permission")}
                  data={PERMISSIONS.map((value) => ({ value, label: t(`admin.permissions.${value}`) }))}
                  value={grant.permission}
                  allowDeselect={false}
                  onChange={(next) => next && next !== grant.permission && change.mutate({ ...grant, permission: next as Permission })}
                />
              ),
            },
            {
              id: "act",
              header: "",
              end: true,
              cell: (grant) => (
                <Button size="compact-xs" variant="default" onClick={() => change.mutate({ ...grant, permission: null })} aria-label={`${t("admin.takeAway")} ${grant.grantee}`}>
                  {t("admin.takeAway")}
                </Button>
              ),
            },
          ]}
        />
      )}
    </Stack>
  );
}

function NewGrant({ kind, name, busy, give }: { kind: string; name: string; busy: boolean; give: (body: Schemas["GrantChange"]) => void }) {
  const { t } = useTranslation();
  // Only administrators may list people; others type the name they know.
  const isAdmin = useMe()?.role === "admin";
  const users = useQuery({ ...usersQuery, enabled: isAdmin }).data ?? [];
  const groups = useQuery({ ...groupsQuery, enabled: isAdmin }).data ?? [];
  const [grantee, setGrantee] = useState("");
  const [permission, setPermission] = useState<Permission>("read");
  const names = [EVERYONE, ...groups.map((group) => `group:${group.name}`), ...users.map((user) => user.name)];
  return (
    <Panel>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          give({ kind, name, grantee: grantee.trim(), permission });
          setGrantee("");
        }}
      >
        <Group align="end" gap="sm">
          <Autocomplete label={t("admin.grantee")} data={[...new Set(names)]} value={grantee} onChange={setGrantee} w={260} data-testid="grant-grantee" />
          <Select
            label={t("admin.permission")}
            data={PERMISSIONS.map((value) => ({ value, label: t(`admin.permissions.${value}`) }))}
            value={permission}
            onChange={(next) => next && setPermission(next as Permission)}
            allowDeselect={false}
            w={140}
            data-testid="grant-permission"
          />
          <Button type="submit" loading={busy} disabled={!grantee.trim()} data-testid="grant-give">
            {t("admin.addGrant")}
          </Button>
        </Group>
      </form>
    </Panel>
  );
}
