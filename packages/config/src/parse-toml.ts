import { parse } from 'smol-toml';

/** What a TOML file of another program says; null for what is no TOML. */
export function parseToml(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return parse(text);
  } catch {
    return null;
  }
}
