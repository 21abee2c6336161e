import { describe, expect, it } from "vitest";
import { cut, duration, percent, visible } from "./text.tsx";

describe("what somebody sent", () => {
  it("shows what can't be seen", () => {
    expect(visible("\u3164\u115f\u2800\u{e0041}")).toBe("\\u3164\\u115f\\u2800\\u{e0041}");
    expect(visible("a\u202eb\u0000c\u200bd\ud800e\n")).toBe("a\\u202eb\\u0000c\\u200bd\\ud800e\\u000a");
  });

  it("leaves what can be seen", () => {
    const text = "שלום 😀 naïve ❤️ <script>";
    expect(visible(text)).toBe(text);
  });

  it("is never cut in the middle of a character", () => {
    expect(cut("ab😀c", 3)).toBe("ab…");
    expect(cut("abc", 3)).toBe("abc");
  });
});

describe("figures", () => {
  it("say what is small and is not nothing", () => {
    expect(percent(0, 10)).toBe("0 %");
    expect(percent(1, 1_000_000)).toBe("< 0.01 %");
    expect(percent(123, 10_000)).toBe("1.2 %");
    expect(percent(1, 2)).toBe("50 %");
    expect(percent(0, 0)).toBe("0 %");
  });

  it("say how long", () => {
    expect(duration(250)).toBe("250 ms");
    expect(duration(90_000)).toBe("1.5 min");
    expect(duration(36 * 3_600_000)).toBe("1.5 d");
  });
});
