import { existsSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import manifest from "./package.json" with { type: "json" };

/** The notices of what is built in. */
const licences = {
  name: "licences",
  generateBundle(this: { emitFile(file: { type: "asset"; fileName: string; source: string }): void }): void {
    const notices = Object.entries({ ...manifest.dependencies, "@preact/signals-core": "" }).map(([name]) => {
      const place = `node_modules/${name}`;
      const { version } = JSON.parse(readFileSync(`${place}/package.json`, "utf8")) as { version: string };
      const file = ["LICENSE", "LICENSE.md"].find((candidate) => existsSync(`${place}/${candidate}`));
      if (file === undefined) throw new Error(`${place}: expected a LICENSE, found none`);
      return `${name} ${version}\n\n${readFileSync(`${place}/${file}`, "utf8").trim()}\n`;
    });
    this.emitFile({ type: "asset", fileName: "assets/licences.txt", source: notices.join("\n----\n\n") });
  },
};

/** One browser at a time, on one stack for all. */
const ofBrowser = {
  globalSetup: ["tests/support/setup.ts"],
  environment: "node",
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

// One script and one style sheet of fixed names: the query service embeds them, and serves them with a tag of their content.
export default defineConfig({
  plugins: [licences],
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
      { extends: true, test: { name: "browser", include: ["tests/*.test.ts"], ...ofBrowser } },
      { extends: true, test: { name: "figures", include: ["tests/figures/*.ts"], disableConsoleIntercept: true, ...ofBrowser } },
    ],
  },
});
