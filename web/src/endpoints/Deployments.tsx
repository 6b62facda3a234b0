/** Which version gets how much of the requests, and how each does; move the canary's share, promote it, go back. */
import { Button, Group, Slider, Stack, Text, useComputedColorScheme } from "@mantine/core";
import { IconArrowBackUp, IconArrowUp } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { coloursFor } from "../charts/palette";
import { useFormat } from "../i18n/format";
import { Confirm } from "../page/Confirm";
import { note } from "../page/note";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { may } from "../session/me";
import type { Deployment, Endpoint } from "./data";
import { milliseconds } from "./EndpointList";
import css from "./endpoints.module.css";
import { canaryOf, referenceOf } from "./state";

export function Deployments({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation();
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  // As in the charts below.
  const colours = coloursFor(endpoint.deployments.map((one, colour) => ({ name: one.deployment, colour })), dark);
  const canary = canaryOf(endpoint);
  const mayChange = may(endpoint.permission, "write");
  return (
    <Stack>
      <Panel title={t("endpoints.deployments")} flush>
        <div className={css.bar} role="img" aria-label={endpoint.deployments.map((one) => `${one.deployment} ${one.weight} %`).join(", ")}>
          {endpoint.deployments.map((one, index) => (
            <i key={one.deployment} style={{ flexGrow: one.weight, background: colours[index] }} />
          ))}
        </div>
        <SmallTable
          bare
          label={t("endpoints.deployments")}
          rows={endpoint.deployments}
          rowKey={(one) => one.deployment}
          empty={null}
          columns={[
            {
              id: "name",
              header: t("endpoints.deployment"),
              cell: (one) => (
                <div className={css.name}>
                  <i style={{ background: colours[endpoint.deployments.indexOf(one)] }} aria-hidden />
                  <span>
                    <b>{one.deployment}</b>
                    <small>
                      {one.model} · {one.version}
                    </small>
                  </span>
                </div>
              ),
            },
            { id: "weight", header: t("endpoints.weight"), numeric: true, width: 90, cell: (one) => <span data-testid={`weight-${one.deployment}`}>{one.weight} %</span> },
            { id: "state", header: t("queries.status"), width: 180, cell: (one) => <Worker deployment={one} /> },
            { id: "requests", header: t("endpoints.requests15"), numeric: true, cell: (one) => format.whole(one.requests) },
            { id: "errors", header: t("endpoints.errors"), numeric: true, cell: (one) => format.whole(one.errors) },
            { id: "p50", header: "p50", numeric: true, cell: (one) => milliseconds(one.p50_ms, format) },
            { id: "p95", header: "p95", numeric: true, cell: (one) => milliseconds(one.p95_ms, format) },
            { id: "p99", header: "p99", numeric: true, cell: (one) => milliseconds(one.p99_ms, format) },
            { id: "memory", header: t("home.memory"), numeric: true, cell: (one) => (one.memory_bytes === null ? "–" : format.bytes(one.memory_bytes)) },
          ]}
        />
      </Panel>
      {canary && mayChange ? <Canary key={`${canary.deployment} ${canary.weight}`} endpoint={endpoint} canary={canary} /> : null}
      <History endpoint={endpoint} mayChange={mayChange} />
    </Stack>
  );
}

function Worker({ deployment }: { deployment: Deployment }) {
  const { t } = useTranslation();
  return (
    <div className={css.worker}>
      <StatusWord state={deployment.state} />
      {deployment.restarts ? <small>{t("home.restarts", { count: deployment.restarts, n: deployment.restarts })}</small> : null}
      {deployment.why ? <small title={deployment.why}>{deployment.why}</small> : null}
    </div>
  );
}

function useKeep(name: string) {
  return (next: Endpoint) => {
    cache.setQueryData(["endpoint", name], next);
    void cache.invalidateQueries({ queryKey: ["endpoints"] });
  };
}

function Canary({ endpoint, canary }: { endpoint: Endpoint; canary: Deployment }) {
  const { t } = useTranslation();
  const [weight, setWeight] = useState(canary.weight);
  const [promoting, setPromoting] = useState(false);
  const keep = useKeep(endpoint.name);
  const give = async (share: number) => {
    const body = { ...referenceOf(canary), alias: null, weight: share, deployment: canary.deployment, capture: null };
    keep(await take(api.POST("/api/endpoints/{name}/deploy", { params: { path: { name: endpoint.name } }, body })));
    note(t("endpoints.weighed", { deployment: canary.deployment, weight: share }));
  };
  const change = useMutation({ mutationFn: give });
  return (
    <Panel title={t("endpoints.canary", { deployment: canary.deployment })}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t("endpoints.canaryText")}
        </Text>
        <Group gap="lg" align="center">
          <Slider
            className={css.slider}
            min={0}
            max={99}
            value={weight}
            onChange={setWeight}
            label={(value) => `${value} %`}
            thumbLabel={t("endpoints.weight")}
            marks={[10, 25, 50, 75].map((value) => ({ value, label: `${value} %` }))}
            data-testid="canary"
          />
          <Group gap="xs">
            <Button variant="default" disabled={weight === canary.weight} loading={change.isPending} onClick={() => change.mutate(weight)} data-testid="canary-apply">
              {t("endpoints.give", { weight })}
            </Button>
            <Button leftSection={<IconArrowUp size={16} />} onClick={() => setPromoting(true)} data-testid="promote">
              {t("endpoints.promote")}
            </Button>
          </Group>
        </Group>
        {change.error ? <ProblemCard error={change.error} compact /> : null}
      </Stack>
      <Confirm opened={promoting} close={() => setPromoting(false)} title={t("endpoints.promoteTitle", { deployment: canary.deployment })} text={t("endpoints.promoteText")} label={t("endpoints.promote")} danger={false} act={() => give(100)} />
    </Panel>
  );
}

function History({ endpoint, mayChange }: { endpoint: Endpoint; mayChange: boolean }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const keep = useKeep(endpoint.name);
  const last = endpoint.history.at(-1);
  if (!last) return null;
  const said = (entry: typeof last) => entry.routes.map((one) => `${one.deployment} ${one.weight} %`).join(", ");
  return (
    <Panel
      title={t("endpoints.history")}
      flush
      right={
        mayChange ? (
          <Button size="xs" variant="default" leftSection={<IconArrowBackUp size={15} />} onClick={() => setAsking(true)} data-testid="rollback">
            {t("endpoints.rollback")}
          </Button>
        ) : null
      }
    >
      <SmallTable
        bare
        label={t("endpoints.history")}
        rows={[...endpoint.history].reverse()}
        rowKey={(entry) => String(entry.at_ms)}
        empty={null}
        columns={[
          { id: "routes", header: t("endpoints.wasThen"), cell: said },
          { id: "until", header: t("endpoints.until"), width: 150, cell: (entry) => <When atMs={entry.at_ms} /> },
          { id: "by", header: t("endpoints.changedBy"), width: 150, cell: (entry) => entry.by },
        ]}
      />
      <Confirm
        opened={asking}
        close={() => setAsking(false)}
        title={t("endpoints.rollbackTitle")}
        text={t("endpoints.rollbackText", { routes: said(last) })}
        label={t("endpoints.rollback")}
        danger={false}
        act={async () => {
          keep(await take(api.POST("/api/endpoints/{name}/rollback", { params: { path: { name: endpoint.name } } })));
          note(t("endpoints.rolledBack"));
        }}
      />
    </Panel>
  );
}
