/** Asks once before something that cannot be undone; for things with data in them, the name must be typed. */
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { ProblemCard } from "./ProblemCard";

export function Confirm({ opened, close, title, text, typeName, act, label, danger = true }: {
  opened: boolean;
  close: () => void;
  title: string;
  text: ReactNode;
  typeName?: string;
  act: () => Promise<unknown>;
  label: string;
  danger?: boolean;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const leave = () => {
    setTyped("");
    setError(null);
    close();
  };
  const go = () => {
    setBusy(true);
    setError(null);
    act().then(leave, setError).finally(() => setBusy(false));
  };
  return (
    <Modal opened={opened} onClose={leave} title={<Text fw={600} style={{ overflowWrap: "anywhere" }}>{title}</Text>} closeButtonProps={{ "aria-label": t("act.close") }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <Stack gap="md">
          <Text size="sm">{text}</Text>
          {typeName ? (
            <TextInput
              label={<span style={{ overflowWrap: "anywhere" }}>{t("confirm.typeName", { name: typeName })}</span>}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              data-autofocus
              data-testid="confirm-name"
            />
          ) : null}
          {error ? <ProblemCard error={error} compact /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={leave}>
              {t("act.cancel")}
            </Button>
            <Button type="submit" color={danger ? "red.8" : undefined} loading={busy} disabled={typeName !== undefined && typed !== typeName} data-testid="confirm">
              {label}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
