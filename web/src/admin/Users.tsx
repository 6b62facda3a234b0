/** The people of the platform: add one, change a role, set a password, close an account. */
import { Button, Group, Menu, Modal, PasswordInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { note } from "../page/note";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { useMe } from "../session/me";
import { Secret } from "../session/Secret";
import { usersQuery } from "./data";

type Role = Schemas["Me"]["role"];
const ROLES: Role[] = ["viewer", "editor", "admin"];

export function Users() {
  const { t } = useTranslation();
  const me = useMe();
  const users = useQuery(usersQuery);
  const [passwordOf, setPasswordOf] = useState<string | null>(null);
  const link = useMutation({
    mutationFn: async (name: string) => ({ name, url: await take(api.POST("/api/users/{user_name}/link", { params: { path: { user_name: name } } })) }),
  });
  const change = useMutation({
    mutationFn: ({ name, ...body }: Schemas["UserChange"] & { name: string }) => take(api.PATCH("/api/users/{user_name}", { params: { path: { user_name: name } }, body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["users"] }),
  });
  return (
    <Stack>
      <NewUser makeLink={link.mutate} />
      {link.data ? <Secret notice={t("admin.linkOnce", { name: link.data.name })} parts={[{ label: t("admin.link"), value: link.data.url, testId: "user-link" }]} /> : null}
      {link.error ? <ProblemCard error={link.error} compact /> : null}
      {change.error ? <ProblemCard error={change.error} compact /> : null}
      {users.error && !users.data ? (
        <ProblemCard error={users.error} retry={() => void users.refetch()} />
      ) : (
        <SmallTable
          label={t("admin.users")}
          rows={users.data}
          rowKey={(user) => user.name}
          empty={null}
          columns={[
            { id: "name", header: t("admin.userName"), cell: (user) => <b>{user.name}</b> },
            {
              id: "role",
              header: t("admin.role"),
              width: 190,
              cell: (user) => (
                <Select
                  size="xs"
                  aria-label={`${t("admin.role")}: ${user.name}`}
                  data={ROLES.map((value) => ({ value, label: t(`account.roles.${value}`) }))}
                  value={user.role}
                  // Nobody takes their own keys away by a slip.
                  disabled={user.name === me?.name}
                  allowDeselect={false}
                  onChange={(next) => next && next !== user.role && change.mutate({ name: user.name, role: next as Role })}
                />
              ),
            },
            { id: "groups", header: t("admin.memberOf"), cell: (user) => user.groups.join(", ") || "–" },
            { id: "active", header: t("admin.active"), width: 120, cell: (user) => <StatusWord state={user.active ? "active" : "inactive"} /> },
            { id: "created", header: t("admin.created"), width: 140, cell: (user) => <When atMs={user.created_at_ms} /> },
            {
              id: "act",
              header: "",
              end: true,
              cell: (user) => (
                <Menu position="bottom-end">
                  <Menu.Target>
                    <Button size="compact-xs" variant="default" aria-label={`${t("act.more")}: ${user.name}`}>
                      <IconDots size={15} />
                    </Button>
                  </Menu.Target>
                  <Menu.Dropdown>
                    <Menu.Item onClick={() => link.mutate(user.name)}>{t("admin.makeLink")}</Menu.Item>
                    <Menu.Item onClick={() => setPasswordOf(user.name)}>{t("admin.setPassword")}</Menu.Item>
                    {user.name === me?.name ? null : (
                      <Menu.Item color={user.active ? "var(--bad)" : undefined} onClick={() => change.mutate({ name: user.name, active: !user.active })}>
                        {user.active ? t("admin.deactivate") : t("admin.activate")}
                      </Menu.Item>
                    )}
                  </Menu.Dropdown>
                </Menu>
              ),
            },
          ]}
        />
      )}
      <NewPassword
        name={passwordOf}
        close={() => setPasswordOf(null)}
        set={async (password) => {
          await change.mutateAsync({ name: passwordOf!, password });
          note(t("admin.changed"));
        }}
      />
    </Stack>
  );
}

function NewUser({ makeLink }: { makeLink: (name: string) => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("editor");
  const [password, setPassword] = useState("");
  const add = useMutation({
    mutationFn: () => take(api.POST("/api/users", { body: { name: name.trim(), role, password: password || null } })),
    onSuccess: (user) => {
      note(t("admin.userAdded", { name: user.name }));
      if (!password) makeLink(user.name);
      setName("");
      setPassword("");
      void cache.invalidateQueries({ queryKey: ["users"] });
    },
  });
  return (
    <Panel title={t("admin.addUser")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Group align="end" gap="sm">
          <TextInput label={t("admin.userName")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={128} autoComplete="off" w={200} data-testid="user-name" />
          <Select
            label={t("admin.role")}
            data={ROLES.map((value) => ({ value, label: t(`account.roles.${value}`) }))}
            value={role}
            onChange={(next) => next && setRole(next as Role)}
            allowDeselect={false}
            w={160}
            data-testid="user-role"
          />
          <PasswordInput label={t("admin.password")} value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="new-password" w={220} data-testid="user-password" />
          <Button type="submit" loading={add.isPending} disabled={!name.trim() || (password !== "" && password.length < 8)} data-testid="user-add">
            {t("admin.addUser")}
          </Button>
        </Group>
        <Text size="xs" c="dimmed" mt={6}>
          {t(`account.roles.${role}`)}: {t(`admin.roleHelp.${role}`)}. {t("admin.passwordHint")}
        </Text>
        {add.error ? <ProblemCard error={add.error} compact /> : null}
      </form>
    </Panel>
  );
}

function NewPassword({ name, close, set }: { name: string | null; close: () => void; set: (password: string) => Promise<void> }) {
  const { t } = useTranslation();
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  const leave = () => {
    setPassword("");
    setError(null);
    close();
  };
  return (
    <Modal opened={name !== null} onClose={leave} title={`${t("admin.setPassword")}: ${name ?? ""}`} closeButtonProps={{ "aria-label": t("act.close") }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          set(password).then(leave, setError);
        }}
      >
        <Stack>
          <PasswordInput label={t("admin.newPassword")} description={t("session.short")} value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="new-password" data-autofocus />
          {error ? <ProblemCard error={error} compact /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={leave}>
              {t("act.cancel")}
            </Button>
            <Button type="submit" disabled={password.length < 8}>
              {t("act.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
