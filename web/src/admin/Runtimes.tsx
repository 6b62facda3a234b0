/** The locked environments that tasks may name: what is installed, and installing one. */
import { Button, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";

// An install takes a minute or more; while one goes on, its end should be seen soon.
const LOOK_EVERY_MS = 3000;

export function Runtimes() {
  const { t } = useTranslation();
  const format = useFormat();
  const runtimes = useQuery({
    queryKey: ["runtimes"],
    queryFn: () => take(api.GET("/api/runtimes")),
    refetchInterval: (query) => (query.state.data?.some((runtime) => runtime.installing) ? LOOK_EVERY_MS : false),
  });
  const install = useMutation({
    mutationFn: (name: string) => take(api.POST("/api/runtimes/{runtime}/install", { params: { path: { runtime: name } } })),
    onSettled: () => void cache.invalidateQueries({ queryKey: ["runtimes"] }),
  });
  if (runtimes.error && !runtimes.data) return <ProblemCard error={runtimes.error} retry={() => void runtimes.refetch()} />;
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("admin.runtimesText")}
      </Text>
      {install.error ? <ProblemCard error={install.error} compact /> : null}
      <SmallTable
        label={t("admin.runtimes")}
        rows={runtimes.data}
        rowKey={(runtime) => runtime.name}
        empty={<EmptyState small title={t("admin.runtimes")} />}
        columns={[
          { id: "name", header: t("admin.runtime"), width: 110, cell: (runtime) => <b title={runtime.about}>{runtime.name}</b> },
          { id: "python", header: "Python", width: 80, cell: (runtime) => <span className="figures">{runtime.python}</span> },
          { id: "packages", header: t("admin.packages"), width: 90, numeric: true, cell: (runtime) => runtime.packages },
          { id: "disk", header: t("admin.disk"), width: 100, numeric: true, cell: (runtime) => format.bytes(runtime.bytes ?? runtime.needed_bytes) },
          { id: "tasks", header: t("admin.tasksNamingIt"), width: 80, numeric: true, cell: (runtime) => runtime.tasks },
          { id: "lock", header: t("admin.lock"), width: 130, cell: (runtime) => <span className="mono">{runtime.lock}</span> },
          {
            id: "state",
            header: t("admin.active"),
            cell: (runtime) => <span data-testid={`runtime-${runtime.name}`}>{t(`admin.runtimeStates.${runtime.installing ? "installing" : runtime.state}`)}</span>,
          },
          {
            id: "act",
            header: "",
            end: true,
            cell: (runtime) =>
              runtime.state === "installed" ? null : (
                <Button size="compact-xs" variant="default" loading={runtime.installing !== null} onClick={() => install.mutate(runtime.name)} aria-label={`${t("admin.install")} ${runtime.name}`}>
                  {t("admin.install")}
                </Button>
              ),
          },
        ]}
      />
    </Stack>
  );
}
