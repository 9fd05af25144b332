import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { RequestHead } from './read-head.ts';

/**
 * Makes the function that says where a request comes from: the address of the socket, unless that is a trusted proxy; then the
 * nearest address in `X-Forwarded-For` that is none, or else `X-Real-IP` (product section 13, fault row E03).
 * @param trusted  Addresses and CIDR ranges.
 */
export function clientAddressReader(trusted: readonly string[]): (request: IncomingMessage, head: Pick<RequestHead, 'forwardedFor'>) => string | null {
  if (trusted.length === 0) return (request) => plain(request.socket.remoteAddress);
  const proxies = new BlockList();
  for (const range of trusted) {
    const [address, bits] = range.split('/');
    const family = isIP(address!) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) proxies.addAddress(address!, family);
    else proxies.addSubnet(address!, Number(bits), family);
  }
  const isTrusted = (address: string): boolean => proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return (request, head) => {
    const peer = plain(request.socket.remoteAddress);
    if (peer === null || head.forwardedFor === null || !isTrusted(peer)) return peer;
    const hops = head.forwardedFor.split(',').map((hop) => hop.trim());
    for (const hop of hops.reverse()) {
      if (isIP(hop) === 0) return peer;
      if (!isTrusted(hop)) return hop;
    }
    return peer;
  };
}

/** The address as people write it: an IPv4 one that arrived on an IPv6 socket loses its prefix. */
function plain(address: string | undefined): string | null {
  if (address === undefined) return null;
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** Whether the socket itself comes from this machine; what headers say does not count. */
export function isFromLoopback(request: IncomingMessage): boolean {
  const peer = plain(request.socket.remoteAddress);
  return peer === '::1' || (peer?.startsWith('127.') ?? false);
}
