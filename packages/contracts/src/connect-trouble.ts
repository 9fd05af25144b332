/** Why a connection did not come about, in words. */
export interface ConnectTrouble {
  /** For clients: names no place, for where an account lies is the operator's alone. */
  readonly brief: string;
  /** For operators, with the place where there is one. */
  readonly full: string;
}

/** What Node says of one try to connect; of several, when a name has several addresses. */
interface SystemError {
  readonly code?: unknown;
  readonly hostname?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly errors?: unknown;
}

const UNTRUSTED = 'its certificate is not signed by an authority that this machine trusts';
const NO_TLS = 'what answers there does not speak TLS';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  EHOSTUNREACH: 'there is no way to its machine',
  ENETUNREACH: 'there is no way to its network',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not taken in time',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
};

/** Puts the error of a connection into words. @returns null when nothing is known beyond that it failed */
export function connectTrouble(error: unknown): ConnectTrouble | null {
  if (typeof error !== 'object' || error === null) return null;
  const { code, hostname, errors } = error as SystemError;
  if (typeof code !== 'string') return null;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return {
      brief: 'its name could not be resolved',
      full: typeof hostname === 'string' ? `the name ${hostname} could not be resolved` : 'its name could not be resolved',
    };
  if (!Object.hasOwn(WORDS, code)) return null;
  const brief = WORDS[code]!;
  const places = (Array.isArray(errors) ? (errors as SystemError[]) : [error as SystemError]).flatMap(place);
  return { brief, full: places.length === 0 ? brief : `${brief} at ${places.join(' and ')}` };
}

function place({ address, port }: SystemError): string[] {
  if (typeof address !== 'string' || typeof port !== 'number') return [];
  return [`${address.includes(':') ? `[${address}]` : address}:${port}`];
}
