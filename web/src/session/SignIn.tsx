/** Name and password. Shown at whatever address was asked for, so that signing in goes on right there. */
import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { asProblem } from "../api/problem";
import { ProblemCard } from "../page/ProblemCard";
import { SessionPage } from "./SessionPage";
import css from "./session.module.css";

export function SignIn() {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => take(api.POST("/api/session", { body: { name, password } })),
    onSuccess: (me) => cache.setQueryData(["me"], me),
  });
  const refused = signIn.error && asProblem(signIn.error).status === 401;
  return (
    <SessionPage title={t("session.title")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        <Stack gap="sm">
          <TextInput
            label={t("session.name")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            withAsterisk={false}
            data-testid="sign-in-name"
          />
          <PasswordInput
            label={t("session.password")}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
            required
            withAsterisk={false}
            error={refused ? t("session.wrong") : undefined}
            data-testid="sign-in-password"
          />
          {signIn.error && !refused ? <ProblemCard error={signIn.error} compact /> : null}
          <Button type="submit" loading={signIn.isPending} mt={4} data-testid="sign-in">
            {t("session.signIn")}
          </Button>
        </Stack>
      </form>
      <FirstTime title={t("session.firstTime")} text={t("session.firstTimeText")} />
    </SessionPage>
  );
}

function FirstTime({ title, text }: { title: string; text: string }) {
  return (
    <div className={css.foot}>
      <strong>{title}</strong>
      <p>{text}</p>
    </div>
  );
}
