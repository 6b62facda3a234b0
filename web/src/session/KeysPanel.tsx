/** Kinesis access keys, with ready lines for boto3 and the AWS CLI. */
import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { RecipeTabs, type Recipes } from "../code/CopyAsCode";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { When } from "../page/When";
import { useKinesisEndpoint } from "../shell/status";
import { Secret } from "./Secret";

export function KeysPanel() {
  const { t } = useTranslation();
  const endpoint = useKinesisEndpoint() ?? `http://${window.location.hostname}:8601`;
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => take(api.GET("/api/keys")) });
  const [label, setLabel] = useState("");
  const [revoking, setRevoking] = useState<Schemas["AccessKey"] | null>(null);
  const make = useMutation({
    mutationFn: () => take(api.POST("/api/keys", { body: { label: label.trim() } })),
    onSuccess: () => {
      setLabel("");
      void cache.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const made = make.data;
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("account.keysText")}
      </Text>
      <Panel title={t("account.makeKey")}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            make.mutate();
          }}
        >
          <Group align="end" gap="sm">
            <TextInput
              label={t("account.label")}
              placeholder={t("account.labelExample")}
              value={label}
              onChange={(event) => setLabel(event.currentTarget.value)}
              maxLength={128}
              w={300}
              data-testid="key-label"
            />
            <Button type="submit" loading={make.isPending} data-testid="key-make">
              {t("account.makeKey")}
            </Button>
          </Group>
        </form>
        {make.error ? <ProblemCard error={make.error} compact /> : null}
        {made ? (
          <Stack mt="md">
            <Secret
              notice={t("account.keyOnce")}
              parts={[
                { label: t("account.keyId"), value: made.access_key_id, testId: "key-id" },
                { label: t("account.secret"), value: made.secret_access_key, testId: "key-secret" },
              ]}
            />
          </Stack>
        ) : null}
      </Panel>
      <Panel title={t("account.useIt")}>
        <RecipeTabs notes={false} recipes={lines(endpoint, made?.access_key_id ?? keys.data?.[0]?.access_key_id ?? "…", made?.secret_access_key ?? "…")} />
      </Panel>
      {keys.error ? <ProblemCard error={keys.error} retry={() => void keys.refetch()} /> : null}
      <SmallTable
        label={t("account.keys")}
        rows={keys.data}
        rowKey={(key) => key.access_key_id}
        empty={<EmptyState small title={t("account.noKeys")} />}
        columns={[
          { id: "id", header: t("account.keyId"), cell: (key) => <span className="mono">{key.access_key_id}</span> },
          { id: "label", header: t("account.label"), cell: (key) => key.label },
          { id: "created", header: t("account.created"), cell: (key) => <When atMs={key.created_at_ms} /> },
          {
            id: "act",
            header: "",
            end: true,
            cell: (key) => (
              <Button size="compact-xs" variant="default" onClick={() => setRevoking(key)} aria-label={`${t("account.revoke")} ${key.access_key_id}`}>
                {t("account.revoke")}
              </Button>
            ),
          },
        ]}
      />
      <Confirm
        opened={revoking !== null}
        close={() => setRevoking(null)}
        title={t("account.revokeKey", { name: revoking?.label || revoking?.access_key_id })}
        text={t("account.revokeText")}
        label={t("account.revoke")}
        act={async () => {
          await take(api.DELETE("/api/keys/{access_key_id}", { params: { path: { access_key_id: revoking!.access_key_id } } }));
          await cache.invalidateQueries({ queryKey: ["keys"] });
        }}
      />
    </Stack>
  );
}

function lines(endpoint: string, id: string, secret: string): Recipes {
  return {
    boto3: `import boto3

kinesis = boto3.client(
    "kinesis",
    endpoint_url="${endpoint}",
    region_name="us-east-1",
    aws_access_key_id="${id}",
    aws_secret_access_key="${secret}",
)
print(kinesis.list_streams()["StreamNames"])`,
    aws: `export AWS_ACCESS_KEY_ID=${id}
export AWS_SECRET_ACCESS_KEY=${secret}
export AWS_DEFAULT_REGION=us-east-1
export AWS_ENDPOINT_URL_KINESIS=${endpoint}

aws kinesis list-streams`,
  };
}
