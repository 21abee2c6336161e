// What narrows a list, as chips that are the address: a link shows another the same.

import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { type Json, scalar } from "../api/json.ts";
import type { Params } from "../api/client.ts";
import { all, changed, go, place } from "../state/place.ts";
import { useApplications, useTypes } from "../state/known.ts";
import { cut, visible } from "./text.tsx";

export interface Field {
  /** The parameter's name; `data.` stands for all that begin so. */
  name: string;
  label: string;
  /** The words that are all it can be. */
  words?: readonly string[];
}

/** The name of a condition on `data`, by the keys that lead there. */
export function dataName(keys: string[]): string {
  return `data.${keys.map((key) => key.replace(/[\\.]/g, "\\$&")).join(".")}`;
}

/** A value as a condition has it. */
export function dataValue(value: Json): string {
  return typeof value === "string" ? value : scalar(value);
}

/** Of the address, what narrows by these fields, in its order. */
export function narrowed(fields: readonly Field[]): Params {
  return place.value.params.filter(([name]) => fields.some((field) => isOf(field, name)));
}

const isOf = (field: Field, name: string): boolean =>
  field.name === "data." ? name.startsWith("data.") : field.name === name;

/** The address of this list, narrowed once more. */
export function withFilter(name: string, value: string): string {
  const given = all(name);
  return changed({ [name]: given.includes(value) ? given : [...given, value] });
}

export function Filters({ fields }: { fields: readonly Field[] }): JSX.Element {
  const chips = narrowed(fields);
  const without = (at: number): string => {
    const [name, value] = chips[at] ?? ["", ""];
    // One of two equal chips stands for both.
    return changed({ [name]: all(name).filter((given) => given !== value) });
  };
  const none = Object.fromEntries(chips.map(([name]) => [name, null]));
  return (
    <section class="filters" aria-label="Filters">
      <ul class="chips">
        {chips.map(([name, value], at) => (
          <li key={`${name} ${value}`}>
            <span>
              {chips[at - 1]?.[0] === name && !name.startsWith("data.") ? "or " : ""}
              {labelOf(fields, name)}: <bdi>{visible(cut(value, 80))}</bdi>
            </span>
            <button type="button" onClick={() => go(without(at))} aria-label={`Remove ${labelOf(fields, name)} ${visible(cut(value, 80))}`}>
              ×
            </button>
          </li>
        ))}
        {chips.length > 1 && (
          <li class="bare">
            <button type="button" class="plain" onClick={() => go(changed(none))}>
              Remove all
            </button>
          </li>
        )}
      </ul>
      <Add fields={fields} />
    </section>
  );
}

function labelOf(fields: readonly Field[], name: string): string {
  if (name.startsWith("data.")) return visible(cut(name, 80));
  return fields.find((field) => field.name === name)?.label ?? name;
}

function Add({ fields }: { fields: readonly Field[] }): JSX.Element {
  const [name, setName] = useState(fields[0]?.name ?? "");
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const list = useId();
  const field = fields.find((one) => one.name === name);
  const suggested = useSuggestions(name);
  const add = (event: Event): void => {
    event.preventDefault();
    if (name === "data." && key === "") return;
    if (value === "" && name !== "data.") return;
    go(withFilter(name === "data." ? `data.${key}` : name, value));
    setValue("");
  };
  return (
    <form class="add" onSubmit={add}>
      <label>
        Filter by
        <select
          value={name}
          onChange={(event) => {
            setName(event.currentTarget.value);
            setValue("");
          }}
        >
          {fields.map((one) => (
            <option value={one.name} key={one.name}>
              {one.label}
            </option>
          ))}
        </select>
      </label>
      {name === "data." && (
        <label>
          Key
          <input value={key} onInput={(event) => setKey(event.currentTarget.value)} placeholder="form.email" spellcheck={false} autocapitalize="off" />
        </label>
      )}
      <label>
        Value
        {field?.words === undefined ? (
          <input value={value} list={list} onInput={(event) => setValue(event.currentTarget.value)} spellcheck={false} autocapitalize="off" />
        ) : (
          <select value={value} onChange={(event) => setValue(event.currentTarget.value)}>
            <option value="">choose</option>
            {field.words.map((word) => (
              <option value={word} key={word}>
                {word}
              </option>
            ))}
          </select>
        )}
      </label>
      <datalist id={list}>
        {suggested.map((text) => (
          <option value={text} key={text} />
        ))}
      </datalist>
      <button type="submit">Add filter</button>
    </form>
  );
}

/** How many suggestions a browser is given. */
const SUGGESTED_MAX = 500;

function useSuggestions(name: string): string[] {
  const types = useTypes().value?.items ?? [];
  const applications = useApplications().value?.items ?? [];
  const texts = (): string[] => {
    switch (name) {
      case "category":
        return types.map((type) => type.category);
      case "name":
        return types.map((type) => type.name);
      case "application":
        return applications.map((application) => application.name);
      default:
        return [];
    }
  };
  return [...new Set(texts())].slice(0, SUGGESTED_MAX);
}
