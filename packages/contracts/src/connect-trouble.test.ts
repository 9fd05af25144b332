import { expect, test } from 'vitest';
import { UpstreamFailure } from './upstream.ts';

const failed = (fields: object): UpstreamFailure => new UpstreamFailure('connect', Object.assign(new Error('connect failed'), fields));

test.each([
  [{ code: 'ENOTFOUND', hostname: 'api.example.invalid' }, 'its name could not be resolved', 'the name api.example.invalid could not be resolved'],
  [{ code: 'EAI_AGAIN', hostname: 'api.example.invalid' }, 'its name could not be resolved', 'the name api.example.invalid could not be resolved'],
  [{ code: 'ECONNREFUSED', address: '10.0.0.7', port: 9 }, 'the connection was refused', 'the connection was refused at 10.0.0.7:9'],
  [
    {
      code: 'ECONNREFUSED',
      errors: [
        { address: '::1', port: 9 },
        { address: '127.0.0.1', port: 9 },
      ],
    },
    'the connection was refused',
    'the connection was refused at [::1]:9 and 127.0.0.1:9',
  ],
  [{ code: 'CERT_HAS_EXPIRED' }, 'its certificate has expired', 'its certificate has expired'],
])('%o is told to clients without the place, and to operators with it', (fields, message, detail) => {
  expect(failed(fields)).toMatchObject({ message, detail });
});

test('what is not known is not made up', () => {
  for (const cause of [undefined, null, 'EPERM', new Error('no code'), { code: 7 }, { code: 'EWEIRD' }, { code: 'toString' }])
    expect(new UpstreamFailure('connect', cause)).toMatchObject({ message: 'upstream connect', detail: null });
});
