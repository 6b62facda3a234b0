/** A one-time link that the server printed: the very first one makes the first administrator, others just sign in. */
import { Anchor, Button, Loader, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, type Schemas, take } from "../api/client";
import { ProblemCard } from "../page/ProblemCard";
import { SessionPage } from "./SessionPage";

const PASSWORD_CHARS_MIN = 8;
// A code works once. React may run an effect twice in development: the second run must not spend it again.
const spent = new Set<string>();

export function LinkPage() {
  const { t } = useTranslation();
  const { code } = useParams({ from: "/link/$code" });
  const router = useRouter();
  const { next } = useSearch({ strict: false });
  const link = useQuery({
    queryKey: ["link", code],
    queryFn: () => take(api.GET("/api/session/link/{code}", { params: { path: { code } } })),
    staleTime: Infinity,
  });
  const use = useMutation({
    mutationFn: (body: Schemas["LinkSignIn"]) => take(api.POST("/api/session/link", { body })),
    onSuccess: (me) => {
      cache.setQueryData(["me"], me);
      void router.history.replace(insideOnly(next));
    },
  });
  const { mutate } = use;
  const purpose = link.data?.purpose;
  useEffect(() => {
    if (purpose !== "sign_in" || spent.has(code)) return;
    spent.add(code);
    mutate({ code });
  }, [purpose, code, mutate]);

  const error = link.error ?? (purpose === "sign_in" ? use.error : null);
  if (error) {
    return (
      <SessionPage title={t("session.badLink")}>
        <ProblemCard error={error} compact />
        <Text size="sm" c="dimmed">
          {t("session.badLinkText")}
        </Text>
        <Anchor component={Link} to="/" size="sm">
          {t("session.toSignIn")}
        </Anchor>
      </SessionPage>
    );
  }
  if (purpose === "first_admin") {
    return (
      <SessionPage title={t("session.welcome")}>
        <FirstAdmin busy={use.isPending} error={use.error} begin={(name, password) => use.mutate({ code, name, password })} />
      </SessionPage>
    );
  }
  return (
    <SessionPage title={t("session.title")}>
      <Text c="dimmed" role="status">
        <Loader size="xs" mr="sm" />
        {purpose ? t("session.signingIn") : t("session.checking")}
      </Text>
    </SessionPage>
  );
}

function FirstAdmin({ busy, error, begin }: { busy: boolean; error: unknown; begin: (name: string, password: string) => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const short = password.length < PASSWORD_CHARS_MIN;
  const differ = password !== again;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (name.trim() && !short && !differ) begin(name.trim(), password);
      }}
    >
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t("session.firstText")}
        </Text>
        <TextInput
          label={t("session.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          error={tried && !name.trim()}
          data-testid="first-name"
        />
        <PasswordInput
          label={t("session.password")}
          description={t("session.short")}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="new-password"
          error={tried && short ? t("session.short") : undefined}
          data-testid="first-password"
        />
        <PasswordInput
          label={t("session.passwordAgain")}
          value={again}
          onChange={(event) => setAgain(event.currentTarget.value)}
          autoComplete="new-password"
          error={tried && !short && differ ? t("session.differ") : undefined}
          data-testid="first-password-again"
        />
        {error ? <ProblemCard error={error} compact /> : null}
        <Button type="submit" loading={busy} mt={4} data-testid="first-begin">
          {t("session.begin")}
        </Button>
      </Stack>
    </form>
  );
}

/** Only a path of this very site: a link must not lead somewhere else after signing in. */
function insideOnly(next: string | undefined): string {
  if (!next?.startsWith("/")) return "/";
  const url = new URL(next, window.location.origin);
  return url.origin === window.location.origin ? url.pathname + url.search : "/";
}
