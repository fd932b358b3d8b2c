import { defineConfig } from "vite";

// `npm run dev` shows the sources against a running Andon (or dev/mock.mjs); the built pages are served by Andon itself.
const andon = process.env.ANDON_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  build: { target: "es2022", modulePreload: { polyfill: false } },
  server: { host: "127.0.0.1", proxy: { "/api": andon, "/healthz": andon } },
  test: { include: ["test/**/*.test.ts"] },
});
