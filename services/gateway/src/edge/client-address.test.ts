import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { clientAddressReader, isFromLoopback } from './client-address.ts';

const from = (remoteAddress: string | undefined): IncomingMessage => ({ socket: { remoteAddress } }) as unknown as IncomingMessage;
const address = (trusted: string[], peer: string | undefined, forwardedFor: string | null): string | null =>
  clientAddressReader(trusted)(from(peer), { forwardedFor });

// Fault row E03: what headers say counts only from a trusted peer, and the socket decides what is local.
test.each<[string, string[], string | undefined, string | null, string | null]>([
  ['without trusted proxies the socket alone counts', [], '192.0.2.1', '127.0.0.1', '192.0.2.1'],
  ['an untrusted peer is not believed', ['10.0.0.0/8'], '192.0.2.1', '127.0.0.1', '192.0.2.1'],
  ['a trusted one is', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.7', '198.51.100.7'],
  ['a single trusted address', ['10.1.2.3'], '10.1.2.3', '198.51.100.7', '198.51.100.7'],
  ['the nearest hop that is no proxy of ours counts, not the first', ['10.0.0.0/8'], '10.1.2.3', '127.0.0.1, 198.51.100.7, 10.9.9.9', '198.51.100.7'],
  ['a hop that is no address ends the chain', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.7, unknown', '10.1.2.3'],
  ['all hops trusted', ['10.0.0.0/8'], '10.1.2.3', '10.4.4.4', '10.1.2.3'],
  ['no header', ['10.0.0.0/8'], '10.1.2.3', null, '10.1.2.3'],
  ['IPv4 in IPv6 is IPv4', ['10.0.0.0/8'], '::ffff:10.1.2.3', '198.51.100.7', '198.51.100.7'],
  ['IPv6 ranges', ['2001:db8::/32'], '2001:db8::1', '2001:db9::1', '2001:db9::1'],
  ['a socket that is gone', ['10.0.0.0/8'], undefined, '198.51.100.7', null],
])('%s', (_, trusted, peer, forwardedFor, expected) => {
  expect(address(trusted, peer, forwardedFor)).toBe(expected);
});

test('loopback is what the socket says', () => {
  for (const peer of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) expect([peer, isFromLoopback(from(peer))]).toEqual([peer, true]);
  for (const peer of ['10.0.0.1', '::ffff:10.0.0.1', '1127.0.0.1', '::2', undefined]) expect([peer, isFromLoopback(from(peer))]).toEqual([peer, false]);
});
