// A step as `/api/funnel` has it: `CATEGORY/NAME`, where `/` and `%` of the category are escaped.

export interface Step {
  category: string;
  name: string;
}

export function written({ category, name }: Step): string {
  return `${category.replaceAll("%", "%25").replaceAll("/", "%2F")}/${name}`;
}

export function read(step: string): Step {
  const slash = step.indexOf("/");
  const category = slash < 0 ? step : step.slice(0, slash);
  return { category: category.replaceAll(/%2f/gi, "/").replaceAll("%25", "%"), name: slash < 0 ? "" : step.slice(slash + 1) };
}
