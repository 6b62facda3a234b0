/** Start, stop, drain, start anew, delete. */
import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDots, IconDroplet, IconPencil, IconPlayerPlay, IconPlayerStop, IconRestore, IconTrash } from "@tabler/icons-react";
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
import type { Query } from "./data";

export function QueryActions({ query }: { query: Query }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [asking, setAsking] = useState<"delete" | "reset" | null>(null);
  const path = { params: { path: { name: query.name } } };
  const keep = (next: Query) => {
    cache.setQueryData(["query", query.name], next);
    void cache.invalidateQueries({ queryKey: ["queries"] });
  };
  const start = async (reset: boolean) => {
    keep(await take(api.POST("/api/queries/{name}/start", { ...path, body: { reset } })));
    note(t("queries.startedNote", { name: query.name }));
  };
  const change = useMutation({
    mutationFn: async (what: "start" | "stop" | "drain") => {
      if (what === "start") return start(false);
      keep(await take(api.POST("/api/queries/{name}/stop", { ...path, body: { drain: what === "drain" } })));
      note(t("queries.stoppedNote", { name: query.name }));
    },
    onError: (error) => {
      const problem = asProblem(error);
      note([problem.message || t("problem.network"), problem.hint].filter(Boolean).join(" · "));
    },
  });
  if (!may(query.permission, "write")) return null;
  const mayDelete = may(query.permission, "manage");
  const runs = query.desired === "running" && query.status.state !== "failed";
  return (
    <>
      {runs ? (
        <Button leftSection={<IconPlayerStop size={16} />} variant="default" loading={change.isPending} onClick={() => change.mutate("stop")} data-testid="query-stop">
          {t("queries.stop")}
        </Button>
      ) : (
        <Button leftSection={<IconPlayerPlay size={16} />} loading={change.isPending} onClick={() => change.mutate("start")} data-testid="query-resume">
          {t("queries.start")}
        </Button>
      )}
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <ActionIcon size={36} variant="default" aria-label={t("act.more")} data-testid="query-more">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {runs ? (
            <Menu.Item leftSection={<IconDroplet size={16} />} onClick={() => change.mutate("drain")} title={t("queries.drainHint")} data-testid="query-drain">
              {t("queries.drain")}
            </Menu.Item>
          ) : (
            <Menu.Item leftSection={<IconRestore size={16} />} onClick={() => setAsking("reset")} data-testid="query-reset">
              {t("queries.startReset")}
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => void navigate({ to: "/sql", search: { mode: "standing", query: query.sql } })}>
            {t("queries.editAsNew")}
          </Menu.Item>
          {mayDelete ? (
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={16} />} onClick={() => setAsking("delete")} data-testid="query-delete">
              {t("queries.delete")}
            </Menu.Item>
          ) : null}
        </Menu.Dropdown>
      </Menu>
      <Confirm
        opened={asking === "reset"}
        close={() => setAsking(null)}
        title={t("queries.startResetTitle", { name: query.name })}
        text={t("queries.startResetText")}
        label={t("queries.startReset")}
        act={() => start(true)}
      />
      <Confirm
        opened={asking === "delete"}
        close={() => setAsking(null)}
        title={t("queries.deleteTitle", { name: query.name })}
        text={`${t("queries.deleteText", { into: query.into })} ${t("confirm.cannotUndo")}`}
        label={t("queries.delete")}
        act={async () => {
          await take(api.DELETE("/api/queries/{name}", path));
          note(t("queries.deleted", { name: query.name }));
          await navigate({ to: "/queries", replace: true });
          cache.removeQueries({ queryKey: ["query", query.name] });
          void cache.invalidateQueries({ queryKey: ["queries"] });
        }}
      />
    </>
  );
}
