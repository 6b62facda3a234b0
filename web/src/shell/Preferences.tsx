/** Language and colours, one press away on every page. */
import { ActionIcon, Menu, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconDeviceDesktop, IconLanguage, IconMoon, IconSun } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { keepLanguage, type Language, LANGUAGES } from "../i18n";

export function LanguageMenu() {
  const { t, i18n } = useTranslation();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Tooltip label={t("frame.language")}>
          <ActionIcon size="lg" aria-label={t("frame.language")} data-testid="language">
            <IconLanguage size={19} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.entries(LANGUAGES) as [Language, string][]).map(([language, name]) => (
          <Menu.Item
            key={language}
            lang={language}
            onClick={() => keepLanguage(language)}
            rightSection={i18n.language === language ? <IconCheck size={15} /> : null}
            data-testid={`language-${language}`}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const SCHEMES = { light: IconSun, dark: IconMoon, auto: IconDeviceDesktop } as const;

export function SchemeMenu() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Icon = SCHEMES[colorScheme];
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Tooltip label={t("frame.scheme")}>
          <ActionIcon size="lg" aria-label={t("frame.scheme")} data-testid="scheme">
            <Icon size={19} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {(["light", "dark", "auto"] as const).map((scheme) => {
          const Each = SCHEMES[scheme];
          return (
            <Menu.Item
              key={scheme}
              leftSection={<Each size={16} />}
              rightSection={scheme === colorScheme ? <IconCheck size={15} /> : null}
              onClick={() => setColorScheme(scheme)}
              data-testid={`scheme-${scheme}`}
            >
              {t(`frame.${scheme}`)}
            </Menu.Item>
          );
        })}
      </Menu.Dropdown>
    </Menu>
  );
}
