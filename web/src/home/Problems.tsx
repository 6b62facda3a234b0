/** What is wrong now, errors first: the thing, the cure, and the way to it. */
import { Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleX } from "@tabler/icons-react";
import { Link, type LinkProps } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Schemas } from "../api/client";
import { When } from "../page/When";
import css from "./home.module.css";

type Wrong = Schemas["Problem"];

export function Problems({ problems }: { problems: Wrong[] }) {
  const { t } = useTranslation();
  if (problems.length === 0) return null;
  const errorsFirst = [...problems].sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
  return (
    <ul className={css.problems} data-testid="home-problems">
      {errorsFirst.map((problem) => {
        const link = linkTo(problem.about);
        const Icon = problem.severity === "error" ? IconCircleX : IconAlertTriangle;
        return (
          <li key={problem.about + problem.message} data-severity={problem.severity}>
            <Icon size={19} stroke={1.8} aria-label={t(`state.${problem.severity}`)} />
            <div className={css.problemText}>
              <Text size="sm" fw={600}>
                {problem.message}
              </Text>
              {problem.hint ? (
                <Text size="sm" c="dimmed">
                  {problem.hint}
                </Text>
              ) : null}
            </div>
            <div className={css.problemSide}>
              {problem.since_ms ? <When atMs={problem.since_ms} /> : null}
              {link ? <Link {...link}>{t("home.look")}</Link> : null}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

function linkTo(about: string): LinkProps | null {
  const [kind, ...rest] = about.split(":");
  const name = rest.join(":");
  switch (kind) {
    case "stream":
      return { to: "/streams/$name", params: { name } };
    case "table":
      return { to: "/tables/$name", params: { name } };
    case "query":
      return { to: "/queries/$name", params: { name } };
    case "monitor":
      return { to: "/monitors/$name", params: { name } };
    case "dashboard":
      return { to: "/dashboards/$name", params: { name } };
    default:
      return null;
  }
}
