/** The nouns of the rail, in the data's order. A noun is listed when its first page exists. */
import { IconActivityHeartbeat, IconAdjustmentsHorizontal, IconApi, IconBox, IconChartLine, IconDatabase, IconFlask2, IconHome2, IconInfinity, IconSettings2, IconTerminal2, IconWand, IconWaveSine } from "@tabler/icons-react";

export const NOUNS = [
  { id: "home", to: "/", Icon: IconHome2 },
  { id: "streams", to: "/streams", Icon: IconWaveSine },
  { id: "sql", to: "/sql", Icon: IconTerminal2 },
  { id: "tables", to: "/tables", Icon: IconDatabase },
  { id: "queries", to: "/queries", Icon: IconInfinity },
  { id: "autopilot", to: "/autopilot", Icon: IconWand },
  { id: "tuning", to: "/tuning", Icon: IconAdjustmentsHorizontal },
  { id: "experiments", to: "/experiments", Icon: IconFlask2 },
  { id: "models", to: "/models", Icon: IconBox },
  { id: "endpoints", to: "/endpoints", Icon: IconApi },
  { id: "monitors", to: "/monitors", Icon: IconActivityHeartbeat },
  { id: "dashboards", to: "/dashboards", Icon: IconChartLine },
] as const;

export const ADMIN = { id: "admin", to: "/admin", Icon: IconSettings2 } as const;
