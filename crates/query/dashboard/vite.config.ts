import { defineConfig } from "vitest/config";

// One script and one style sheet of fixed names: the query service embeds them, and serves them with a tag of their content.
export default defineConfig({
  build: {
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2023",
    rollupOptions: {
      output: {
        entryFileNames: "assets/app.js",
        assetFileNames: "assets/[name][extname]",
        codeSplitting: false,
      },
    },
  },
  test: {
    projects: [
      { extends: true, test: { name: "logic", include: ["src/**/*.test.ts"], environment: "node" } },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["tests/**/*.test.ts"],
          globalSetup: ["tests/support/setup.ts"],
          environment: "node",
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
