import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SwitchyardError, errorEnvelope } from '@switchyard/contracts';
import { isLingering, linger } from '@switchyard/service-gateway';
import { StartRefusal } from './start-refusal.ts';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Whose address it is: which settings a refusal names. */
  readonly of: 'gateway' | 'admin';
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether a request becomes a WebSocket, and who serves it then; without it every upgrade is a plain request. */
  readonly sockets?: {
    readonly mayUpgrade: (request: IncomingMessage) => boolean;
    readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  };
  /** Limit of the whole head, counted from the opening of a connection or the end of the request before. */
  readonly headerTimeoutMs: number;
  /** Limit of the body, counted from the end of the head. */
  readonly bodyTimeoutMs: number;
  /** How long a kept-alive connection may be silent between two requests. */
  readonly idleConnectionMs: number;
  /** Connections that one address may have open; 0 is no limit. */
  readonly connectionsPerAddress: number;
  readonly newRequestId: () => string;
  /** Told of connections that could not be taken, such as for want of file descriptors; at most once in 10 s, for they come in crowds. */
  readonly onAcceptError: (error: NodeJS.ErrnoException) => void;
}

export interface Listener {
  /** `http://HOST:PORT`. */
  readonly address: string;
  /** Stops accepting and closes idle connections; the ones in use close after their answer. */
  stopAccepting(): void;
  /** Closes every connection that is left. */
  close(): Promise<void>;
}

const MAX_HEADERS = 100;
const MAX_HEAD_BYTES = 16_384;
const ACCEPT_ERROR_PAUSE_MS = 10_000;

/**
 * Opens a strict HTTP/1.1 listener. What Node's parser lets through beyond this is refused by the edge of the gateway.
 * @throws StartRefusal when the address cannot be had
 * @see product section 13; fault rows B01–B07
 */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const server = createServer({
    insecureHTTPParser: false,
    // The edge asks for it too, and answers in the envelope.
    requireHostHeader: false,
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: options.headerTimeoutMs,
    // Node counts this from the first byte.
    requestTimeout: options.headerTimeoutMs + options.bodyTimeoutMs,
    keepAliveTimeout: options.idleConnectionMs,
    // Deadlines are looked at each second; Node's own 30 s would let a silent connection live three times its limit.
    connectionsCheckingInterval: 1_000,
    noDelay: true,
    shouldUpgradeCallback: (request) => options.sockets !== undefined && isFirstInLine(request) && options.sockets.mayUpgrade(request),
  });
  server.maxHeadersCount = MAX_HEADERS;
  let accepting = true;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    // Once an answer has said that the connection ends, whatever else came on it is no request (fault row B10).
    if (!request.socket.writable) return;
    // A request that was sent before the answer to the one in front waits for its turn, so that it can come to nothing.
    if (response.socket === null) {
      response.once('socket', () => process.nextTick(handle, request, response));
      return;
    }
    if (!accepting) response.shouldKeepAlive = false;
    options.handle(request, response);
  };
  server.on('request', handle);
  // The body is asked for only once the head has been accepted (fault row B11).
  server.on('checkContinue', handle);
  server.on('checkExpectation', handle);
  if (options.sockets !== undefined) server.on('upgrade', options.sockets.upgrade);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseRaw(error, socket, options.newRequestId));
  if (options.connectionsPerAddress > 0) limitPerAddress(server, options.connectionsPerAddress);
  await bind(server, options);
  let quietUntilMs = -Infinity;
  // Without a handler such an error would end the process, and with it every connection that is well.
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + ACCEPT_ERROR_PAUSE_MS;
    options.onAcceptError(error);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    stopAccepting() {
      accepting = false;
      server.close();
      server.closeIdleConnections();
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Whether no answer is on its way on the connection, and none has said that it ends: an upgrade takes it over whole. */
function isFirstInLine({ socket }: IncomingMessage): boolean {
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse | null };
  return !current && socket.writable && !isLingering(socket);
}

function bind(server: Server, options: ListenerOptions): Promise<void> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusalOf(error, options)));
    server.listen({ host, port, backlog: 4_096 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function refusalOf(error: NodeJS.ErrnoException, { host, port, of }: ListenerOptions): StartRefusal {
  const admin = of === 'admin';
  const another = admin ? `SWITCHYARD_ADMIN_LISTEN=${host}:${anotherPort(port)}` : `SWITCHYARD_PORT=${anotherPort(port)}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new StartRefusal(
        `Port ${port} on ${host} is in use by another program. Stop that program, or choose another port: ${another}, or 0 for a free one.`,
        error,
      );
    case 'EACCES':
      return new StartRefusal(
        `This user may not listen on port ${port}. Choose a port above 1023 with ${admin ? 'SWITCHYARD_ADMIN_LISTEN' : 'SWITCHYARD_PORT'}.`,
        error,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartRefusal(
        `${host} is not an address of this machine. Set ${admin ? 'SWITCHYARD_ADMIN_LISTEN' : 'SWITCHYARD_HOST'} to one that is, such as 127.0.0.1${admin ? ':4701' : ''}.`,
        error,
      );
    default:
      return new StartRefusal(`Could not listen on ${host}:${port}: ${error.message}.`, error);
  }
}

/** Not the next one: beside a gateway that serves other machines, that is where our own API listens unless told otherwise. */
function anotherPort(port: number): number {
  return port + 10 > 65_535 ? port - 10 : port + 10;
}

/** Answers bytes that are no request, or one that came too slowly, and ends the connection. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket, newRequestId: () => string): void {
  // A connection that is in the middle of an answer must not get another one's bytes; Node's own handler looks at the same field.
  const current = (socket as { _httpMessage?: ServerResponse })._httpMessage;
  if (!socket.writable || error.code === 'ECONNRESET' || current?.headersSent === true) {
    // The parser complains of each further piece too, while an answer is still on its way out.
    if (!isLingering(socket) || error.code === 'ECONNRESET') socket.destroy();
    return;
  }
  const refusal = refusalOfParser(error);
  const { status } = refusal.fault;
  const id = newRequestId();
  const body = JSON.stringify(errorEnvelope(refusal, id));
  socket.write(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${id}\r\nconnection: close\r\n\r\n${body}`,
  );
  // With a request in work the connection has to go at once, for that is how the request learns that it is over, and from the error of its
  // response with which refusal; and who was too slow before is not waited for again.
  if (current) socket.end(() => current.destroy(refusal));
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') socket.end(() => socket.destroy());
  else linger(socket);
}

const REASONS: Readonly<Record<number, string>> = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' };

function refusalOfParser(error: NodeJS.ErrnoException): SwitchyardError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new SwitchyardError('headers_too_large', `The headers are more than ${MAX_HEADERS} or larger than ${MAX_HEAD_BYTES} bytes.`, { cause: error });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new SwitchyardError('request_timeout', 'The request did not arrive in time.', { cause: error });
    default:
      return new SwitchyardError('bad_framing', 'These bytes are not a valid HTTP/1.1 request.', { cause: error });
  }
}

/** Closes connections above the limit as they come; the ones that are open stay. */
function limitPerAddress(server: Server, limit: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress;
    if (address === undefined) return;
    const count = (open.get(address) ?? 0) + 1;
    if (count > limit) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = open.get(address)! - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
