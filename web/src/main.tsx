import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@mantine/spotlight/styles.css";
import "./theme/generated/font.css";
import "./theme/tokens.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { cache } from "./api/cache";
import { startLanguage } from "./i18n";
import { meQuery } from "./session/me";
import { router } from "./shell/routes";
import { cssVariables, theme } from "./theme/theme";

const schemes = localStorageColorSchemeManager({ key: "gureum.scheme" });

void cache.prefetchQuery(meQuery);
await startLanguage();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} colorSchemeManager={schemes} defaultColorScheme="auto">
      <Notifications position="bottom-right" />
      <QueryClientProvider client={cache}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);

// The rest of Hangul: rules only, after the first page is there; a browser fetches a piece when such a character shows up.
requestIdleCallback?.(() => void import("./theme/hangul"));
