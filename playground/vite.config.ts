import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  // `css: external` puts all styles into files, as the content security policy wants it.
  plugins: [svelte({ configFile: false })],
  resolve: { alias: { "@fluxbase/client": path("../client/mod.ts") } },
  cacheDir: path("../node_modules/.vite"),
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: {
    host: "127.0.0.1",
    proxy: { "/trpc": "http://127.0.0.1:8000", "/api": "http://127.0.0.1:8000" },
  },
});
