/** Personal tokens: made with a label and an end, shown once, revoked at any time. */
import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { RecipeTabs } from "../code/CopyAsCode";
import { useFormat } from "../i18n/format";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { Secret } from "./Secret";

const DAYS = [7, 30, 90, 365];

export function TokensPanel() {
  const { t } = useTranslation();
  const format = useFormat();
  const tokens = useQuery({ queryKey: ["tokens"], queryFn: () => take(api.GET("/api/tokens")) });
  const [label, setLabel] = useState("");
  const [days, setDays] = useState<string | null>("90");
  const [revoking, setRevoking] = useState<Schemas["Token"] | null>(null);
  const make = useMutation({
    mutationFn: () =>
      take(api.POST("/api/tokens", { body: { label: label.trim(), expires_in_days: days === "forever" ? null : Number(days) } })),
    onSuccess: () => {
      setLabel("");
      void cache.invalidateQueries({ queryKey: ["tokens"] });
    },
  });
  const made = make.data;
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("account.tokensText")}
      </Text>
      <Panel title={t("account.makeToken")}>
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
              data-testid="token-label"
            />
            <Select
              label={t("account.expiresIn")}
              value={days}
              onChange={setDays}
              allowDeselect={false}
              w={150}
              data={[...DAYS.map((n) => ({ value: String(n), label: t("account.days", { n }) })), { value: "forever", label: t("account.forever") }]}
            />
            <Button type="submit" loading={make.isPending} disabled={!label.trim()} data-testid="token-make">
              {t("account.makeToken")}
            </Button>
          </Group>
        </form>
        {make.error ? <ProblemCard error={make.error} compact /> : null}
        {made ? (
          <Stack mt="md" gap="sm">
            <Secret notice={t("account.tokenOnce")} parts={[{ label: t("account.token"), value: made.token, testId: "token-secret" }]} />
            <RecipeTabs
              notes={false}
              recipes={{
                python: `import gureum\n\ng = gureum.connect("${window.location.origin}", token="${made.token}")\nprint(g.sql("SELECT 1").to_pandas())`,
                cli: `export GUREUM_URL=${window.location.origin}\nexport GUREUM_TOKEN=${made.token}\ngureum sql 'SELECT 1'`,
                curl: `curl ${window.location.origin}/api/me -H "Authorization: Bearer ${made.token}"`,
              }}
            />
          </Stack>
        ) : null}
      </Panel>
      {tokens.error ? <ProblemCard error={tokens.error} retry={() => void tokens.refetch()} /> : null}
      <SmallTable
        label={t("account.tokens")}
        rows={tokens.data}
        rowKey={(token) => token.id}
        empty={<EmptyState small title={t("account.noTokens")} />}
        columns={[
          { id: "label", header: t("account.label"), cell: (token) => <b>{token.label}</b> },
          { id: "created", header: t("account.created"), cell: (token) => <When atMs={token.created_at_ms} /> },
          { id: "used", header: t("account.lastUsed"), cell: (token) => <When atMs={token.last_used_at_ms} /> },
          {
            id: "expires",
            header: t("account.expires"),
            cell: (token) =>
              token.expires_at_ms === null ? (
                t("account.forever")
              ) : token.expires_at_ms < Date.now() ? (
                <StatusWord state="expired" />
              ) : (
                <span title={format.exact(token.expires_at_ms)}>{format.date(token.expires_at_ms)}</span>
              ),
          },
          {
            id: "act",
            header: "",
            end: true,
            cell: (token) => (
              <Button size="compact-xs" variant="default" onClick={() => setRevoking(token)} aria-label={`${t("account.revoke")} ${token.label}`}>
                {t("account.revoke")}
              </Button>
            ),
          },
        ]}
      />
      <Confirm
        opened={revoking !== null}
        close={() => setRevoking(null)}
        title={t("account.revokeToken", { name: revoking?.label })}
        text={t("account.revokeText")}
        label={t("account.revoke")}
        act={async () => {
          await take(api.DELETE("/api/tokens/{token_id}", { params: { path: { token_id: revoking!.id } } }));
          await cache.invalidateQueries({ queryKey: ["tokens"] });
        }}
      />
    </Stack>
  );
}
