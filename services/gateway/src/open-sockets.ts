import type { AccountRegistry } from './accounts/account-registry.ts';
import { faultySocket } from './attempt/faulty-upstream.ts';
import { openUpstreamSocket } from './attempt/socket-upstream.ts';
import type { KeyTable } from './edge/key-table.ts';
import type { Ground } from './ground.ts';
import { Sockets } from './serve-socket.ts';

interface SocketsParts extends Pick<Ground, 'config' | 'metrics' | 'faults' | 'maxActive' | 'nowMs'> {
  readonly registry: AccountRegistry;
  readonly keys: KeyTable;
  readonly mayCall: (origin: string) => boolean;
}

export function openSockets({ config, metrics, faults, maxActive, nowMs, registry, keys, mayCall }: SocketsParts): Sockets {
  return new Sockets({
    isOn: config['websocket.enabled'],
    openUpstream: faults === null ? openUpstreamSocket : faultySocket(faults),
    mayCall,
    // An active place is half of the free descriptors, and a socket takes two: requests over HTTP keep as many.
    max: Math.max(1, Math.floor(maxActive / 2)),
    connectMs: config['websocket.connect_timeout_ms'],
    frameBytes: config['websocket.frame_bytes'],
    pingMs: config['websocket.ping_ms'],
    retireMs: config['websocket.retire_ms'],
    idleMs: config['upstream.idle_timeout_ms'],
    snapshot: () => registry.snapshot,
    keyCount: () => keys.size,
    metrics,
    nowMs,
  });
}
