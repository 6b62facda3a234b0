/** Serve a model version: under a new address, or beside what an endpoint serves already, with a share of its requests. */
import { Button, Group, Loader, Select, Slider, Stack, Switch, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { deployModel } from "../code/recipes";
import { modelQuery, modelsQuery } from "../models/data";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { endpointsQuery } from "./data";
import css from "./endpoints.module.css";

const NAME = /^[A-Za-z0-9_-]+$/;

export function NewEndpoint() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const asked = useSearch({ strict: false });
  const endpoints = useQuery(endpointsQuery).data;
  const models = useQuery(modelsQuery);
  const [model, setModel] = useState<string | null>(asked.model ?? null);
  const versions = useQuery({ ...modelQuery(model ?? ""), enabled: Boolean(model) }).data?.all_versions;
  const [typedVersion, setVersion] = useState<string | null>(asked.version ?? null);
  const version = typedVersion ?? (versions?.[0] ? String(versions[0].version) : null);
  const [typedName, setName] = useState<string | null>(asked.name ?? null);
  const name = typedName ?? (model ?? "").replace(/[^A-Za-z0-9_-]/g, "_");
  const there = endpoints?.find((one) => one.name === name);
  const [weight, setWeight] = useState(10);
  const [capture, setCapture] = useState(true);
  const wrong = name !== "" && !NAME.test(name);
  const share = there ? weight : 100;
  const deploy = useMutation({
    mutationFn: () => {
      const body = { model: model!, version, alias: null, weight: share, deployment: null, capture: there ? null : capture };
      return there ? take(api.POST("/api/endpoints/{name}/deploy", { params: { path: { name } }, body })) : take(api.POST("/api/endpoints", { body: { ...body, name } }));
    },
    onSuccess: async (made) => {
      cache.setQueryData(["endpoint", name], made);
      void cache.invalidateQueries({ queryKey: ["endpoints"] });
      note(t("endpoints.deployedNote", { name }));
      await navigate({ to: "/endpoints/$name", params: { name }, replace: true });
    },
  });
  const crumbs = [{ label: t("endpoints.title"), link: { to: "/endpoints" as const } }, ...(asked.name ? [{ label: asked.name, link: { to: "/endpoints/$name" as const, params: { name: asked.name } } }] : [])];
  return (
    <>
      <PageHeader title={asked.name ? t("endpoints.deployVersion") : t("endpoints.newTitle")} crumbs={crumbs} />
      {models.error ? <ProblemCard error={models.error} retry={() => void models.refetch()} /> : null}
      {models.data?.length === 0 ? (
        <EmptyState title={t("endpoints.noModels")} text={t("endpoints.noModelsText")}>
          <div className={css.wide}>
            <RecipeTabs recipes={deployModel("endpoint", null, null, 100)} />
          </div>
        </EmptyState>
      ) : (
        <div className={css.two}>
          <Panel>
            <form
              onSubmit={(event) => {
                event.preventDefault();
                deploy.mutate();
              }}
            >
              <Stack gap="sm">
                <Select
                  label={t("endpoints.model")}
                  data={(models.data ?? []).map((one) => one.name)}
                  value={model}
                  onChange={(next) => {
                    setModel(next);
                    setVersion(null);
                  }}
                  searchable
                  limit={100}
                  data-testid="endpoint-model"
                />
                <Select
                  label={t("tables.version")}
                  data={(versions ?? []).map((one) => ({ value: String(one.version), label: [one.version, ...one.aliases.map((alias) => `@${alias}`)].join(" ") }))}
                  value={version}
                  onChange={setVersion}
                  disabled={!versions?.length}
                  allowDeselect={false}
                  data-testid="endpoint-version"
                />
                <TextInput
                  label={t("endpoints.name")}
                  description={there ? t("endpoints.nameTaken") : t("monitors.nameHint")}
                  value={name}
                  onChange={(event) => setName(event.currentTarget.value)}
                  error={wrong ? t("monitors.nameHint") : undefined}
                  maxLength={128}
                  spellCheck={false}
                  data-testid="endpoint-name"
                />
                {there ? (
                  <div>
                    <Text size="sm" fw={500}>
                      {t("endpoints.shareOf", { weight })}
                    </Text>
                    <Slider min={0} max={100} value={weight} onChange={setWeight} thumbLabel={t("endpoints.weight")} label={(value) => `${value} %`} mt={6} mb="sm" />
                    <Text size="xs" c="dimmed">
                      {weight === 100 ? t("endpoints.replaces") : t("endpoints.others")}
                    </Text>
                  </div>
                ) : (
                  <Switch label={t("endpoints.capture")} description={t("endpoints.captureHint")} checked={capture} onChange={(event) => setCapture(event.currentTarget.checked)} />
                )}
                {deploy.error ? <ProblemCard error={deploy.error} compact /> : null}
                {deploy.isPending ? (
                  <Group gap="xs" role="status">
                    <Loader size={14} />
                    <Text size="sm">{t("endpoints.loading")}</Text>
                  </Group>
                ) : null}
                <Group justify="flex-end" gap="xs">
                  <LinkButton to="/endpoints" variant="default">
                    {t("act.cancel")}
                  </LinkButton>
                  <Button type="submit" loading={deploy.isPending} disabled={!model || !version || !name || wrong} data-testid="endpoint-submit">
                    {there ? t("endpoints.deploy") : t("endpoints.create")}
                  </Button>
                </Group>
              </Stack>
            </form>
          </Panel>
          <Panel title={t("code.copyAs")}>
            <RecipeTabs recipes={deployModel(name || "endpoint", model, version, share)} />
          </Panel>
        </div>
      )}
    </>
  );
}
