/** Stop, start, delete. */
import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDots, IconPlayerPlay, IconPlayerStop, IconRefresh, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { asProblem } from "../api/problem";
import { Confirm } from "../page/Confirm";
import { note } from "../page/note";
import { may } from "../session/me";
import type { Monitor } from "./data";

export function MonitorActions({ monitor }: { monitor: Monitor }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  const path = { params: { path: { name: monitor.name } } };
  const change = useMutation({
    mutationFn: (running: boolean) => take(api.PATCH("/api/monitors/{name}", { ...path, body: { running } })),
    onSuccess: (next) => {
      cache.setQueryData(["monitor", monitor.name], next);
      void cache.invalidateQueries({ queryKey: ["monitors"] });
      note(t(next.running ? "monitors.startedNote" : "monitors.stoppedNote", { name: monitor.name }));
    },
    onError: (error) => {
      const problem = asProblem(error);
      note([problem.message || t("problem.network"), problem.hint].filter(Boolean).join(" · "));
    },
  });
  if (!may(monitor.permission, "write")) return null;
  return (
    <>
      {monitor.running ? (
        <Button leftSection={<IconPlayerStop size={16} />} variant="default" loading={change.isPending} onClick={() => change.mutate(false)} data-testid="monitor-stop">
          {t("act.stop")}
        </Button>
      ) : (
        <Button leftSection={<IconPlayerPlay size={16} />} loading={change.isPending} onClick={() => change.mutate(true)} data-testid="monitor-start">
          {t("act.start")}
        </Button>
      )}
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <ActionIcon size={36} variant="default" aria-label={t("act.more")} data-testid="monitor-more">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => void navigate({ to: "/monitors/$name", params: { name: monitor.name }, search: { tab: "baseline" } })}>
            {t("monitors.learnAgain")}
          </Menu.Item>
          {may(monitor.permission, "manage") ? (
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)} data-testid="monitor-delete">
              {t("monitors.delete")}
            </Menu.Item>
          ) : null}
        </Menu.Dropdown>
      </Menu>
      <Confirm
        opened={deleting}
        close={() => setDeleting(false)}
        title={t("monitors.deleteTitle", { name: monitor.name })}
        text={`${t("monitors.deleteText", { table: monitor.table })} ${t("confirm.cannotUndo")}`}
        label={t("monitors.delete")}
        act={async () => {
          await take(api.DELETE("/api/monitors/{name}", path));
          note(t("monitors.deleted", { name: monitor.name }));
          await navigate({ to: "/monitors", replace: true });
          cache.removeQueries({ queryKey: ["monitor", monitor.name] });
          void cache.invalidateQueries({ queryKey: ["monitors"] });
        }}
      />
    </>
  );
}
