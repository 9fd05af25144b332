/**
 * Which values a label may take: a closed list, or the first `atMost` different ones seen. Any other value becomes `other`,
 * so that no client, model name or upstream can grow the number of series without end.
 */
export type LabelRule = readonly string[] | { readonly atMost: number };
export type LabelRules = Readonly<Record<string, LabelRule>>;

/** A closed list is not a type bound here: what an upstream sends is a string until the guard has seen it. */
export type Labels<R extends LabelRules> = { readonly [K in keyof R]: string };

export const OTHER_LABEL = 'other';

type Guard = (labels: Readonly<Record<string, string>>) => Record<string, string>;

/** Makes the function that turns what a caller says into labels within the rules. */
export function labelGuard(rules: LabelRules | undefined): Guard {
  const admit = Object.entries(rules ?? {}).map(([name, rule]) => [name, 'atMost' in rule ? openUpTo(rule.atMost) : closed(rule)] as const);
  return (labels) => {
    const safe: Record<string, string> = {};
    for (const [name, admits] of admit) {
      const value = labels[name];
      safe[name] = value !== undefined && admits(value) ? value : OTHER_LABEL;
    }
    return safe;
  };
}

function closed(values: readonly string[]): (value: string) => boolean {
  const known = new Set(values);
  return (value) => known.has(value);
}

function openUpTo(atMost: number): (value: string) => boolean {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return true;
    if (seen.size >= atMost || value.length > 100) return false;
    seen.add(value);
    return true;
  };
}
