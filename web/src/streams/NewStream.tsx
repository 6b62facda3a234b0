/** Make a stream: a name, how many shards, how long records are kept. */
import { Button, Group, NumberInput, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { createStream } from "../code/recipes";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { useKinesisEndpoint } from "../shell/status";
import css from "./streams.module.css";

const NAME = /^[A-Za-z0-9_.-]+$/;

export function NewStream() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const kinesis = useKinesisEndpoint();
  const [name, setName] = useState("");
  const [shards, setShards] = useState(1);
  const [retention, setRetention] = useState(24);
  const wrong = name !== "" && !NAME.test(name);
  const create = useMutation({
    mutationFn: () => take(api.POST("/api/streams", { body: { name, shards, retention_h: retention } })),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["streams"] });
      note(t("streams.createdNote", { name }));
      await navigate({ to: "/streams/$name", params: { name }, replace: true });
    },
  });
  return (
    <>
      <PageHeader title={t("streams.newTitle")} crumbs={[{ label: t("streams.title"), link: { to: "/streams" } }]} />
      <div className={css.create}>
        <Panel>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (!wrong && name) create.mutate();
            }}
          >
            <Stack>
              <TextInput
                label={t("list.name")}
                description={t("streams.nameHint")}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                error={wrong ? t("streams.nameBad") : undefined}
                maxLength={128}
                autoFocus
                spellCheck={false}
                autoCapitalize="none"
                data-testid="stream-name"
              />
              <NumberInput
                label={t("streams.shards")}
                description={t("streams.shardsHint")}
                value={shards}
                onChange={(value) => setShards(Number(value) || 1)}
                min={1}
                max={256}
                allowDecimal={false}
                data-testid="stream-shards"
              />
              <NumberInput
                label={t("streams.retention")}
                description={t("streams.retentionHint")}
                value={retention}
                onChange={(value) => setRetention(Number(value) || 24)}
                min={24}
                max={8760}
                allowDecimal={false}
                data-testid="stream-retention"
              />
              {create.error ? <ProblemCard error={create.error} compact /> : null}
              <Group justify="flex-end" gap="xs">
                <LinkButton to="/streams" variant="default">
                  {t("act.cancel")}
                </LinkButton>
                <Button type="submit" loading={create.isPending} disabled={!name || wrong} data-testid="stream-submit">
                  {t("streams.create")}
                </Button>
              </Group>
            </Stack>
          </form>
        </Panel>
        <Panel title={t("code.copyAs")}>
          <RecipeTabs recipes={createStream(name || "sensors", shards, kinesis)} />
        </Panel>
      </div>
    </>
  );
}
