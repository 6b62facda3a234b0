/** Which language Studio speaks: chosen once, kept in the browser, else the browser's own if we speak it. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import type { en } from "./en";

export const LANGUAGES = { en: "English", ko: "한국어" } as const;
export type Language = keyof typeof LANGUAGES;

const KEPT_AS = "gureum.language";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "studio";
    resources: { studio: typeof en };
  }
}

export async function startLanguage(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: firstLanguage(),
    fallbackLng: false,
    ns: "studio",
    defaultNS: "studio",
    resources: {},
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  });
  await setLanguage(i18next.language as Language);
}

export async function setLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, "studio")) {
    const words = language === "ko" ? (await import("./ko")).ko : (await import("./en")).en;
    i18next.addResourceBundle(language, "studio", words);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(KEPT_AS, language);
  void setLanguage(language);
}

function firstLanguage(): Language {
  const kept = localStorage.getItem(KEPT_AS) ?? navigator.language.slice(0, 2);
  return kept === "ko" ? "ko" : "en";
}
