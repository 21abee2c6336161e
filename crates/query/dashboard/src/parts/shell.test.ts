import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { replayCommand } from "./shell.ts";
import { visible } from "./text.tsx";

it("means the same to a shell, whatever the errors hold", () => {
  const values = ["it's", "$(reboot)", "a b", "-x", "`id`", "", "a\nb", "!x", '"', "\\", "\u202eit's \\n\u200b\u{e0001}"];
  const command = replayCommand(values.map((value) => ["category", value] as const), [["from", "2026-11-01T00:00:00.000Z"]]);
  expect(command).toBe(visible(command));
  const told = execFileSync("bash", ["-c", command.replace("eye errors replay", "printf '%s\\0'")], { encoding: "utf8" });
  expect(told.split("\0").slice(0, -1)).toEqual([...values.map((value) => `--category=${value}`), "--from=2026-11-01T00:00:00.000Z"]);
});

it("names what the command line names", () => {
  expect(replayCommand([["session_id", "s1"], ["resolved", "false"]], [])).toBe("eye errors replay --session-id=s1 --unresolved");
});
