/** Webhooks that alerts are sent to. */
import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { useMayMake } from "../session/me";
import { destinationsQuery } from "./data";

export function Destinations() {
  const { t } = useTranslation();
  const mayMake = useMayMake();
  const destinations = useQuery(destinationsQuery);
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [deleting, setDeleting] = useState<string | null>(null);
  const add = useMutation({
    mutationFn: () => take(api.POST("/api/destinations", { body: { name: name.trim(), type: "webhook", url: url.trim() } })),
    onSuccess: () => {
      setName("");
      setUrl("");
      void cache.invalidateQueries({ queryKey: ["destinations"] });
    },
  });
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("queries.destText")}
      </Text>
      {mayMake ? (
        <Panel title={t("queries.destAdd")}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              add.mutate();
            }}
          >
            <Group align="end" gap="sm">
              <TextInput label={t("queries.destName")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={128} w={200} inputWrapperOrder={["label", "input", "description"]} data-testid="destination-name" />
              <TextInput label={t("queries.destUrl")} type="url" value={url} onChange={(event) => setUrl(event.currentTarget.value)} w={380} placeholder="https://" data-testid="destination-url" />
              <Button type="submit" loading={add.isPending} disabled={!name.trim() || !url.trim()} data-testid="destination-add">
                {t("queries.destAdd")}
              </Button>
            </Group>
            <Text size="xs" c="dimmed" mt={6}>
              {t("queries.destUrlHint")}
            </Text>
            {add.error ? <ProblemCard error={add.error} compact /> : null}
          </form>
        </Panel>
      ) : null}
      {destinations.error && !destinations.data ? (
        <ProblemCard error={destinations.error} retry={() => void destinations.refetch()} />
      ) : (
        <SmallTable
          label={t("queries.destTitle")}
          rows={destinations.data}
          rowKey={(one) => one.name}
          empty={<EmptyState small title={t("queries.destEmpty")} />}
          columns={[
            { id: "name", header: t("list.name"), cell: (one) => <b>{one.name}</b> },
            { id: "url", header: t("queries.destUrl"), cell: (one) => <span className="mono">{one.url_shown}</span> },
            { id: "owner", header: t("list.owner"), cell: (one) => one.owner },
            {
              id: "act",
              header: "",
              end: true,
              cell: (one) =>
                mayMake ? (
                  <Button size="compact-xs" variant="default" onClick={() => setDeleting(one.name)} aria-label={`${t("act.remove")} ${one.name}`}>
                    {t("act.remove")}
                  </Button>
                ) : null,
            },
          ]}
        />
      )}
      <Confirm
        opened={deleting !== null}
        close={() => setDeleting(null)}
        title={t("queries.destDelete", { name: deleting })}
        text={t("queries.destDeleteText")}
        label={t("act.remove")}
        act={async () => {
          await take(api.DELETE("/api/destinations/{name}", { params: { path: { name: deleting! } } }));
          await cache.invalidateQueries({ queryKey: ["destinations"] });
        }}
      />
    </Stack>
  );
}
