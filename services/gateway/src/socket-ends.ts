/** What ended a client's WebSocket. A closed list: it labels metrics. */
export const SOCKET_ENDS = ['client', 'upstream', 'client_vanished', 'upstream_vanished', 'retired', 'stopped', 'refused', 'no_account'] as const;
export type SocketEnd = (typeof SOCKET_ENDS)[number];
