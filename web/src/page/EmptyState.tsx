/** Nothing here yet: what this is, and the one button that makes the first. */
import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import css from "./page.module.css";

export function EmptyState({ icon, title, text, children, small = false }: {
  icon?: ReactNode;
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  small?: boolean;
}) {
  return (
    <div className={css.empty} data-small={small || undefined} data-testid="empty">
      {icon ? <div className={css.emptyIcon}>{icon}</div> : null}
      {small ? (
        <Text size="sm" fw={600}>
          {title}
        </Text>
      ) : (
        <Title order={2} fz="lg">
          {title}
        </Title>
      )}
      {text ? (
        <Text size="sm" c="dimmed" maw={520}>
          {text}
        </Text>
      ) : null}
      {children ? <div className={css.emptyAct}>{children}</div> : null}
    </div>
  );
}
