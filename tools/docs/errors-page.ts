import { FAULTS, SwitchyardError, errorEnvelope } from '@switchyard/contracts';
import type { Fault, RetryAdvice } from '@switchyard/contracts';
import { generatedNote } from './generated-note.ts';
import { markdownTable } from './markdown-table.ts';

const RETRY: Readonly<Record<RetryAdvice, string>> = {
  never: 'no: the request has to change',
  soon: 'yes',
  after: 'yes, after `Retry-After` seconds',
};

/** docs/errors.md: every fault that Switchyard makes itself. */
export function errorsPage(): string {
  const faults = Object.entries<Fault>(FAULTS).toSorted(([, a], [, b]) => a.status - b.status);
  const sample = errorEnvelope(
    new SwitchyardError('model_not_found', 'The model `gpt-0` does not exist or this key may not use it.', { param: 'model' }),
    'req_01m7z8ffm0fkmrf719w0h213v7',
  );
  return `# Errors

${generatedNote('the table in packages/contracts/src/faults.ts')}
Switchyard answers with an error of its own only when it refuses a request or has nothing to pass on. Errors of an upstream are passed through
unchanged, status, headers and body; they are not in this list.

Its own look like OpenAI's, so that SDKs raise their usual classes:

\`\`\`json
${JSON.stringify(sample, null, 2)}
\`\`\`

\`code\` is one of the list below and will not change its meaning. \`retryable\` says whether the same request may be sent again. \`param\` names the
field at fault, or is null. \`request_id\` is also in the header \`x-switchyard-request-id\`; \`switchyard why REQUEST_ID\` tells what became of the request.
An answer that has begun cannot become an error any more: when an upstream breaks off, so does Switchyard, without an ending of its own.

${markdownTable(
  ['Code', 'Status', 'Type', 'Retry', 'What to do'],
  faults.map(([code, { status, type, retry, remedy, sentAs }]) => [
    `\`${code}\``,
    String(status),
    `\`${type}\``,
    RETRY[retry],
    sentAs === undefined ? remedy : `${remedy} Only the log has this code; clients get \`${sentAs}\`.`,
  ]),
)}`;
}
