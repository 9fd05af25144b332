// The rules for what an account is made of, wherever it is declared: a file is held to them when it is read, a command or an API call
// when it is made. One set, so that what `config check` accepts is what a start accepts.

// Set by Switchyard, part of how a message is framed or of how a connection is run, or about the client rather than the account.
// `api-key` and `x-api-key` are not here: some servers take the account's own credential in them.
const NOT_AN_ACCOUNTS_HEADER =
  /^(accept-encoding|authorization|connection|content-length|cookie|expect|forwarded|host|keep-alive|openai-organization|openai-project|proxy-.*|te|trailer|transfer-encoding|upgrade|x-forwarded-.*|x-real-ip|x-switchyard-.*)$/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const HEADER_VALUE = /^[\x20-\x7e]{1,4096}$/;

/** One field of an account: whether a value will do, and what to say when it will not. */
interface AccountRule {
  readonly holds: (value: string) => boolean;
  /** Goes on from the name of the field; never quotes the value. */
  readonly must: string;
}

export const ACCOUNT_RULES = {
  name: {
    holds: (name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name),
    must: 'must be 1 to 64 letters, digits, dots, underscores or hyphens, beginning with a letter or digit',
  },
  credential: {
    holds: (credential) => /^[\x21-\x7e]{1,4096}$/.test(credential),
    must: 'must be 1 to 4096 visible ASCII characters, without spaces or line ends',
  },
  model: {
    holds: (model) => /^[^\p{Cc}\p{Cs}]{1,256}$/u.test(model) && model.trim() !== '',
    must: 'must be names of 1 to 256 printable characters',
  },
  /** `organization` and `project`, which go out in headers. */
  label: {
    holds: (label) => /^[\x21-\x7e]{1,200}$/.test(label),
    must: 'must be 1 to 200 visible ASCII characters, as it is sent in a header',
  },
} as const satisfies Readonly<Record<string, AccountRule>>;

/** Whether a name is that of the built-in account, which no other may look like. */
export function isBuiltInName(name: string): boolean {
  return name.toLowerCase() === 'sandbox';
}

/**
 * What is wrong with an account's own headers, to go on from the name of the field; null when nothing is. Never quotes a value.
 * @see architecture section 8
 */
export function accountHeadersProblem(headers: Readonly<Record<string, string>>): string | null {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) return 'holds a name that is not a header name';
    if (NOT_AN_ACCOUNTS_HEADER.test(name)) return `must not hold ${name}, which Switchyard sets itself or never sends`;
    if (seen.has(name.toLowerCase())) return `must not hold ${name} twice`;
    if (!HEADER_VALUE.test(value)) return `must give ${name} a value of 1 to 4096 printable ASCII characters, as it is sent in a header`;
    seen.add(name.toLowerCase());
  }
  return null;
}
