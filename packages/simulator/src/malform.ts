type Deform = (unit: Buffer, index: number) => Buffer;

const NEWLINE = /\n/g;

/** Ways to spoil a stream of events, by name. Each gets an event's bytes and its place in the stream. */
export const MALFORMATIONS = {
  /** CRLF line ends: lawful, and often forgotten. */
  crlf: (unit) => latin(unit, (text) => text.replace(NEWLINE, '\r\n')),
  /** CR line ends: lawful, and hardly ever seen. */
  lone_cr: (unit) => latin(unit, (text) => text.replace(NEWLINE, '\r')),
  /** A byte order mark first: lawful once. */
  bom: (unit, index) => (index === 0 ? Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), unit]) : unit),
  /** A comment before each event. */
  comments: (unit) => Buffer.concat([Buffer.from(': ping\n\n'), unit]),
  /** No `event:` lines. */
  no_event_names: (unit) => latin(unit, (text) => text.replace(/^event: .*\n/gm, '')),
  /** No blank lines: everything is one event that never ends. */
  no_blank_lines: (unit) => latin(unit, (text) => text.replace(/\n\n/g, '\n')),
  /** Bytes that no UTF-8 text holds, in a comment and inside the data. */
  bad_utf8: (unit) => latin(unit, (text) => `: \xff\xfe\n${text.replace(/"(delta|content)":"/, '$&\xc3')}`),
  /** A NUL byte inside the data. */
  nul: (unit) => latin(unit, (text) => text.replace(/"(delta|content)":"/, '$&\0')),
  /** Data that is not JSON, as an event of its own after each good one. */
  bad_json: (unit) => Buffer.concat([unit, Buffer.from('data: {"type":"response.output_te\n\n')]),
} as const satisfies Record<string, Deform>;

/** Edits bytes as Latin-1, which keeps every byte as it is. */
function latin(unit: Buffer, edit: (text: string) => string): Buffer {
  return Buffer.from(edit(unit.toString('latin1')), 'latin1');
}
