// Light or dark: as the system has it, unless it is chosen here.

import { computed, effect, signal } from "@preact/signals";

export const CHOICES = ["auto", "light", "dark"] as const;
export type Choice = (typeof CHOICES)[number];

const NAME = "eye.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(system.matches);
system.addEventListener("change", ({ matches }) => {
  isSystemDark.value = matches;
});

function kept(): Choice {
  const word = localStorage.getItem(NAME);
  return CHOICES.find((choice) => choice === word) ?? "auto";
}

export const choice = signal<Choice>(kept());

export const theme = computed(() => (choice.value === "auto" ? (isSystemDark.value ? "dark" : "light") : choice.value));

effect(() => {
  localStorage.setItem(NAME, choice.value);
  document.documentElement.dataset["theme"] = theme.value;
});
