/** Put one record by hand: any JSON value, and a partition key if order matters. */
import { Button, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { putAndTail } from "../code/recipes";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { useKinesisEndpoint } from "../shell/status";
import { streamQuery } from "./data";
import { exampleOf } from "./example";
import { shortShard } from "./LiveTail";
import css from "./streams.module.css";

export function PutRecord({ name }: { name: string }) {
  const { t } = useTranslation();
  const kinesis = useKinesisEndpoint();
  const stream = useQuery(streamQuery(name)).data;
  const [typed, setTyped] = useState<string | null>(null);
  const [key, setKey] = useState("");
  const text = typed ?? (stream ? JSON.stringify(exampleOf(stream), null, 2) : "");
  const parsed = useMemo(() => parse(text), [text]);
  const put = useMutation({
    mutationFn: (data: unknown) =>
      take(
        api.POST("/api/streams/{name}/records", {
          params: { path: { name } },
          body: { records: [{ data, key: key || null, encoding: "json" }] },
        }),
      ),
    onSuccess: () => void cache.invalidateQueries({ queryKey: ["stream", name] }),
  });
  const position = put.data?.positions[0];
  return (
    <div className={css.create}>
      <Panel>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (parsed.ok) put.mutate(parsed.value);
          }}
        >
          <Stack>
            <Textarea
              label={t("streams.putData")}
              description={t("streams.putHint")}
              value={text}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autosize
              minRows={6}
              maxRows={18}
              spellCheck={false}
              error={!parsed.ok && typed !== null ? t("streams.putBad", { message: parsed.message }) : undefined}
              classNames={{ input: "mono" }}
              data-testid="put-data"
            />
            <TextInput
              label={t("streams.putKey")}
              description={t("streams.putKeyHint")}
              value={key}
              onChange={(event) => setKey(event.currentTarget.value)}
              maxLength={256}
              data-testid="put-key"
            />
            {put.error ? <ProblemCard error={put.error} compact /> : null}
            <Group justify="space-between">
              <Text size="sm" c="var(--good)" role="status" data-testid="put-done">
                {position ? t("streams.putDone", { shard: shortShard(position.shard), sequence: position.sequence }) : null}
              </Text>
              <Button type="submit" loading={put.isPending} disabled={!parsed.ok} data-testid="put-submit">
                {t("streams.put")}
              </Button>
            </Group>
          </Stack>
        </form>
      </Panel>
      <Panel title={t("code.copyAs")}>
        <RecipeTabs recipes={putAndTail(name, parsed.ok ? parsed.value : {}, key || null, kinesis)} />
      </Panel>
    </div>
  );
}

function parse(text: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : "" };
  }
}
