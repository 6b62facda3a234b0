/** Groups: a name for several people. */
import { Button, Group, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { groupsQuery, usersQuery } from "./data";

export function Groups() {
  const { t } = useTranslation();
  const groups = useQuery(groupsQuery);
  const users = useQuery(usersQuery).data ?? [];
  const [name, setName] = useState("");
  const [members, setMembers] = useState<string[]>([]);
  const [deleting, setDeleting] = useState<string | null>(null);
  const put = useMutation({
    mutationFn: (group: Schemas["Group"]) =>
      take(api.PUT("/api/groups/{group_name}", { params: { path: { group_name: group.name } }, body: { members: group.members } })),
    onSuccess: () => {
      setName("");
      setMembers([]);
      void cache.invalidateQueries({ queryKey: ["groups"] });
      void cache.invalidateQueries({ queryKey: ["users"] });
    },
  });
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("admin.noGroupsText")}
      </Text>
      <Panel>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            put.mutate({ name: name.trim(), members });
          }}
        >
          <Group align="end" gap="sm">
            <TextInput label={t("admin.groupName")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={128} w={240} data-testid="group-name" />
            <TagsInput label={t("admin.members")} value={members} onChange={setMembers} data={users.map((user) => user.name)} w={340} data-testid="group-members" />
            <Button type="submit" loading={put.isPending} disabled={!name.trim() || members.length === 0 || groups.data?.some((group) => group.name === name.trim())} data-testid="group-add">
              {t("admin.addGroup")}
            </Button>
          </Group>
        </form>
      </Panel>
      {put.error ? <ProblemCard error={put.error} compact /> : null}
      {groups.error && !groups.data ? (
        <ProblemCard error={groups.error} retry={() => void groups.refetch()} />
      ) : (
        <SmallTable
          label={t("admin.groups")}
          rows={groups.data}
          rowKey={(group) => group.name}
          empty={<EmptyState small title={t("admin.noGroups")} />}
          columns={[
            { id: "name", header: t("admin.groupName"), width: 220, cell: (group) => <b>{group.name}</b> },
            {
              id: "members",
              header: t("admin.members"),
              cell: (group) => (
                <TagsInput
                  size="xs"
                  aria-label={`${t("admin.members")}: ${group.name}`}
                  value={group.members}
                  data={users.map((user) => user.name)}
                  // A group without members is no group: taking the last one out asks first.
                  onChange={(next) => (next.length ? put.mutate({ name: group.name, members: next }) : setDeleting(group.name))}
                />
              ),
            },
            {
              id: "act",
              header: "",
              end: true,
              cell: (group) => (
                <Button size="compact-xs" variant="default" onClick={() => setDeleting(group.name)} aria-label={`${t("act.delete")} ${group.name}`}>
                  {t("act.delete")}
                </Button>
              ),
            },
          ]}
        />
      )}
      <Confirm
        opened={deleting !== null}
        close={() => setDeleting(null)}
        title={t("admin.deleteGroup", { name: deleting })}
        text={t("admin.deleteGroupText")}
        label={t("act.delete")}
        act={async () => {
          await take(api.DELETE("/api/groups/{group_name}", { params: { path: { group_name: deleting! } } }));
          await cache.invalidateQueries({ queryKey: ["groups"] });
        }}
      />
    </Stack>
  );
}
