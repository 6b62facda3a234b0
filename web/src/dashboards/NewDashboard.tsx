/** Make a dashboard: a title and a name; charts come on its own page. */
import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";

const NAME = /^[A-Za-z0-9_가-힣.-]+$/;

export function NewDashboard() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [title, setTitle] = useState("");
  const [typedName, setName] = useState<string | null>(null);
  // The name follows the title until somebody types one.
  const name = typedName ?? title.trim().toLowerCase().replace(/\s+/g, "-").replace(/[^a-z0-9_가-힣.-]/g, "").slice(0, 128);
  const wrong = name !== "" && !NAME.test(name);
  const create = useMutation({
    mutationFn: () => take(api.POST("/api/dashboards", { body: { name, spec: { title: title.trim() || name, widgets: [] } } })),
    onSuccess: async (dashboard) => {
      cache.setQueryData(["dashboard", dashboard.name], dashboard);
      void cache.invalidateQueries({ queryKey: ["dashboards"] });
      await navigate({ to: "/dashboards/$name", params: { name: dashboard.name }, search: { edit: "1" }, replace: true });
    },
  });
  return (
    <>
      <PageHeader title={t("dashboards.newTitle")} crumbs={[{ label: t("dashboards.title"), link: { to: "/dashboards" } }]} />
      <div style={{ maxWidth: 560 }}>
        <Panel>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (name && !wrong) create.mutate();
            }}
          >
            <Stack>
              <TextInput label={t("dashboards.heading")} value={title} onChange={(event) => setTitle(event.currentTarget.value)} autoFocus data-testid="dashboard-title" />
              <TextInput
                label={t("dashboards.name")}
                description={t("dashboards.nameHint")}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                error={wrong ? t("dashboards.nameHint") : undefined}
                maxLength={128}
                spellCheck={false}
                data-testid="dashboard-name"
              />
              {create.error ? <ProblemCard error={create.error} compact /> : null}
              <Group justify="flex-end" gap="xs">
                <LinkButton to="/dashboards" variant="default">
                  {t("act.cancel")}
                </LinkButton>
                <Button type="submit" loading={create.isPending} disabled={!name || wrong} data-testid="dashboard-submit">
                  {t("dashboards.create")}
                </Button>
              </Group>
            </Stack>
          </form>
        </Panel>
      </div>
    </>
  );
}
