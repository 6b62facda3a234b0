/** A short word after something was done. */
import { notifications } from "@mantine/notifications";

export function note(message: string): void {
  notifications.show({ message, autoClose: 4_000, withBorder: true });
}
