/** So many bytes may wait to be sent on a socket, to a client or to an upstream, before whoever they come from is not read any more. */
export const SOCKET_BACKLOG = 1_048_576;
