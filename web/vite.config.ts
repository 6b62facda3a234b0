import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = { target: process.env.GUREUM_URL ?? "http://127.0.0.1:8600", changeOrigin: false };
const proxy = { "/api": server, "^/endpoints/[^/]+/invocations$": server };

export default defineConfig({
  base: "/",
  plugins: [react()],
  server: { proxy },
  // The policy that gureum itself sends, so that `npm run preview` shows what it would forbid.
  preview: {
    proxy,
    headers: {
      "Content-Security-Policy":
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'",
    },
  },
  build: {
    outDir: "dist",
    target: "es2022",
    manifest: "assets/manifest.json",
    // Data URIs would need a wider Content-Security-Policy than 'self'.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        // The frame's libraries change less often than our own code: a new release keeps them in the browser's cache.
        manualChunks(id: string) {
          if (/node_modules\/(react|react-dom|scheduler)\//.test(id)) return "react";
          if (/node_modules\/@tanstack\//.test(id)) return "tanstack";
          return undefined;
        },
      },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
