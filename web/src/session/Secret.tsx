/** Something that is shown once: to copy now. */
import { Text } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { Copy } from "../code/CodeBlock";
import css from "./secret.module.css";

export function Secret({ notice, parts }: { notice: string; parts: { label: string; value: string; testId: string }[] }) {
  return (
    <div className={css.secret} role="status">
      <Text size="sm" fw={600} className={css.notice}>
        <IconKey size={16} aria-hidden /> {notice}
      </Text>
      {parts.map((part) => (
        <div key={part.label} className={css.part}>
          <span>{part.label}</span>
          <code data-testid={part.testId}>{part.value}</code>
          <Copy text={part.value} />
        </div>
      ))}
    </div>
  );
}
