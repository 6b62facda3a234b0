/** The frame of what is seen before anybody is signed in. */
import { Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Logo } from "../shell/Logo";
import { LanguageMenu, SchemeMenu } from "../shell/Preferences";
import css from "./session.module.css";

export function SessionPage({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = `${title} · gureum`;
  }, [title]);
  return (
    <div className={css.page}>
      <div className={css.preferences}>
        <LanguageMenu />
        <SchemeMenu />
      </div>
      <main className={css.card}>
        <div className={css.brand}>
          <Logo size={36} />
          <div>
            <strong>gureum</strong>
            <p>{t("session.tagline")}</p>
          </div>
        </div>
        <Title order={1} fz="xl">
          {title}
        </Title>
        {children}
      </main>
    </div>
  );
}
