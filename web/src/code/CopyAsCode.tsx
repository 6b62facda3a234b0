/** "Copy as code": what this page shows or does, as lines that run. People learn the SDK from here. */
import { Button, Popover, Tabs, Text } from "@mantine/core";
import { IconCode } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "./CodeBlock";
import type { CodeLanguage } from "./highlight";

export type Recipe = "python" | "sql" | "cli" | "boto3" | "aws" | "curl";
export type Recipes = Partial<Record<Recipe, string>>;

const LANGUAGE: Record<Recipe, CodeLanguage> = {
  python: "python", sql: "sql", cli: "shell", boto3: "python", aws: "shell", curl: "shell",
};
const ORDER: Recipe[] = ["python", "sql", "cli", "boto3", "aws", "curl"];

export function CopyAsCode({ recipes }: { recipes: Recipes }) {
  const { t } = useTranslation();
  return (
    <Popover position="bottom-end" width="min(600px, 92vw)" trapFocus withinPortal>
      <Popover.Target>
        <Button variant="default" leftSection={<IconCode size={16} />} data-testid="copy-as-code">
          {t("code.copyAs")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="sm">
        <RecipeTabs recipes={recipes} />
      </Popover.Dropdown>
    </Popover>
  );
}

export function RecipeTabs({ recipes, notes = true }: { recipes: Recipes; /** say where credentials come from */ notes?: boolean }) {
  const { t } = useTranslation();
  const given = ORDER.filter((recipe) => recipes[recipe] !== undefined);
  return (
    <Tabs defaultValue={given[0] ?? null} keepMounted={false}>
      <Tabs.List mb="xs">
        {given.map((recipe) => (
          <Tabs.Tab key={recipe} value={recipe} py={6} px="sm">
            {t(`code.${recipe}`)}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {given.map((recipe) => (
        <Tabs.Panel key={recipe} value={recipe}>
          <CodeBlock code={recipes[recipe] ?? ""} language={LANGUAGE[recipe]} testId={`code-${recipe}`} />
          {!notes ? null : recipe === "curl" || recipe === "boto3" || recipe === "aws" ? (
            <Text size="xs" c="dimmed" mt={8}>
              {recipe === "curl" ? t("code.curlNote") : t("code.botoNote")}
            </Text>
          ) : null}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
