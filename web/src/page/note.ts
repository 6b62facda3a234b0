/** A short word after something was done. */
import { notifications } from "@mantine/notifications";
import i18next from "i18next";

export function note(message: string): void {
  notifications.show({ message, autoClose: 4_000, withBorder: true, closeButtonProps: { "aria-label": i18next.t("act.close") } });
}
